# The check behind tools/check_layers. Input: tools/layers.txt, then CMakeLists.txt files, then headers and sources.

function mistake(what) {
  print FILENAME ":" FNR ": " what
  mistakes++
}

# The path of a file of the tree as in an #include, without "prong/".
function room_of(path) {
  sub(/^framework\/prong\//, "", path)
  sub(/^actors\/prong\//, "", path)
  return path
}

# Tells whether text matches a pattern in which "*" stands for any text.
function matches(text, pattern) {
  gsub(/\./, "\\.", pattern)
  gsub(/\*/, ".*", pattern)
  return text ~ ("^" pattern "$")
}

# Tells whether a path of the layer `actors`, in parts, is of another area than the file that is read.
function is_other_area(parts) {
  return layer == "actors" && parts[2] == "actors" && parts[3] != area
}

function check_layer(path,   parts, to) {
  to = split(path, parts, "/") == 2 ? "umbrella" : parts[2]
  if (!(to in row)) {
    mistake("there is no layer `" to "`: tools/layers.txt names them")
  } else if (path ~ /\/detail\// && (to != layer || is_other_area(parts) || room !~ /\.cpp$|\/detail\//)) {
    mistake("\"" path "\": detail/ is private to the sources of its layer, for it is not installed")
  } else if (to == layer) {
    if (is_other_area(parts) && index(builds_on[area] " ", " " parts[3] " ") == 0)
      mistake("\"" path "\" is of another area: each is a component of its own")
  } else if (index(row[layer] " ", " " to " ") == 0) {
    mistake("`" layer "` may not include `" to "` (\"" path "\"); allowed:" (row[layer] == "" ? " itself" : row[layer]))
  }
}

function check_restrictions(name, path,   i, count, patterns, j) {
  for (i = 1; i <= restrictions; i++) {
    if (index(path, prefix[i]) != 1) continue
    count = split(who[i], patterns, " ")
    for (j = 1; j <= count; j++)
      if (matches(room, patterns[j])) return
    mistake(name " is only for: " who[i])
    return
  }
}

BEGIN {
  for (i = 1; i < ARGC; i++) exists[room_of(ARGV[i])] = 1
}

# The table.
FILENAME ~ /layers\.txt$/ {
  sub(/#.*/, "")
  if (NF == 0) next
  name = substr($2, 1, length($2) - 1)
  if ($1 == "layer" && $2 ~ /^[a-z]+:$/) {
    row[name] = ""
    for (i = 3; i <= NF; i++) {
      if ($i == "*") row[name] = row[name] above
      else if ($i in row) row[name] = row[name] " " $i
      else mistake("`" $i "` must stand above `" name "` in the list")
    }
    if (name != "testing") above = above " " name
  } else if ($1 == "area" && $2 ~ /^[a-z]+:$/) {
    for (i = 3; i <= NF; i++) builds_on[name] = builds_on[name] " " $i
  } else if ($1 == "only" && NF >= 3 && $2 ~ /.:$/) {
    prefix[++restrictions] = name
    who[restrictions] = substr($0, index($0, ": ") + 2)
  } else {
    mistake("this line cannot be read")
  }
  next
}

# The lists of files: every word, as the path it would be.
FILENAME ~ /CMakeLists\.txt$/ {
  sub(/#.*/, "")
  gsub(/\$\{CMAKE_CURRENT_SOURCE_DIR\}\//, "")
  gsub(/[()"]/, " ")
  folder = FILENAME
  sub(/[^\/]*$/, "", folder)
  for (i = 1; i <= NF; i++) listed[folder $i] = 1
  next
}

FNR == 1 {
  room = room_of(FILENAME)
  split(room, parts, "/")
  layer = room ~ /\// ? parts[1] : "umbrella"
  area = parts[2]
  own = room
  sub(/\.cpp$/, ".hpp", own)
  awaits_own = own != room && own in exists
  if (!(layer in row)) mistake("`" layer "` is no layer of tools/layers.txt")
  folder = FILENAME
  sub(/(\/detail)?\/[^\/]*$/, "", folder)
  if (!(FILENAME in listed) && FILENAME !~ /\/detail\/[^\/]*\.hpp$/) mistake("is not listed in " folder "/CMakeLists.txt")
  if (folder ~ /^framework\/prong\// && !(folder in listed)) {
    mistake("the folder is not added in framework/prong/CMakeLists.txt")
    listed[folder] = 1 # said once
  }
}

/^[ \t]*#[ \t]*include/ && layer in row {
  if (!match($0, /"[^"]+"|<[^>]+>/)) {
    mistake("this #include cannot be read: it names no header")
    next
  }
  name = substr($0, RSTART, RLENGTH)
  path = substr(name, 2, length(name) - 2)
  if (awaits_own && path != "prong/" own) mistake("own header first: \"prong/" own "\"")
  awaits_own = 0
  if (path ~ /^prong\//) {
    if (name ~ /^</) mistake("write #include \"" path "\"")
    check_layer(path)
  } else if (name ~ /^"/) {
    mistake(name " is no path from the include root: \"prong/<layer>/x.hpp\" is, and <...> is for what is not Prong's")
  }
  check_restrictions(name, path)
}

END { exit mistakes > 0 }
