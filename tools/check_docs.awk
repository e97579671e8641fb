# The check behind tools/check_docs. Input: tools/packages/*.txt, then the Markdown files.

function mistake(file, line, what) {
  print file ":" line ": " what
  mistakes++
}

function is_there(path) {
  gsub(/\047/, "\047\\\047\047", path) # a quote, for the shell
  return system("test -e \047" path "\047") == 0
}

# The anchor that a heading gets.
function slug(text) {
  gsub(/[`*]/, "", text)
  text = tolower(text)
  gsub(/[^a-z0-9 _-]/, "", text)
  gsub(/ /, "-", text)
  return text
}

# Takes "x/../" and "./" out of a path.
function plain(path) {
  while (sub(/(^|\/)\.\//, "/", path) || sub(/[^\/]+\/\.\.(\/|$)/, "", path)) sub(/^\//, "", path)
  return path
}

# The lines of a file, or of a region of it, without the indentation they share; sets found.
function text_of(path, region,   line, lines, count, inside, indent, i, result) {
  indent = 1000
  inside = region == ""
  found = inside
  while ((getline line < path) > 0) {
    if (region != "" && line ~ ("^ *// \\[" region "\\]$")) {
      inside = found = 1
    } else if (region != "" && line ~ ("^ *// \\[/" region "\\]$")) {
      inside = 0
    } else if (inside && line !~ /^ *\/\/ \[\/?[a-z0-9_]+\]$/) {
      lines[++count] = line
      if (line ~ /[^ ]/ && match(line, /^ */) && RLENGTH < indent) indent = RLENGTH
    }
  }
  close(path)
  for (i = 1; i <= count; i++) result = result substr(lines[i], indent + 1) "\n"
  return result
}

function check_quotation(   parts, count) {
  count = split(quoted, parts, "#")
  if (!is_there(parts[1])) {
    mistake(FILENAME, quoted_at, "there is no " parts[1] " to quote")
    return
  }
  expected = text_of(parts[1], count > 1 ? parts[2] : "")
  if (!found) mistake(FILENAME, quoted_at, parts[1] " has no region [" parts[2] "]")
  else if (expected != block) mistake(FILENAME, quoted_at, "the block differs from " quoted ", which reads:\n" expected)
}

# Notes the relative links of a line; they are checked when every heading is known.
function note_links(text,   target) {
  gsub(/`[^`]*`/, "", text)
  while (match(text, /\]\([^) ]+\)/)) {
    target = substr(text, RSTART + 2, RLENGTH - 3)
    text = substr(text, RSTART + RLENGTH)
    if (target ~ /^[a-z]+:/) continue
    link[++links] = target
    link_file[links] = FILENAME
    link_line[links] = FNR
  }
}

FILENAME ~ /^tools\/packages\// {
  sub(/#.*/, "")
  group = FILENAME
  sub(/.*\//, "", group)
  sub(/\.txt$/, "", group)
  groups[group] = 1
  if (NF) listed[group, $1] = 1
  next
}

FNR == 1 {
  if (fenced) mistake(last_file, fence_line, "this fenced block has no end")
  fenced = 0
  quoted = group = ""
  last_file = FILENAME
}

/^ *```/ {
  fenced = !fenced
  if (fenced) {
    fence_line = FNR
    block = ""
  } else if (quoted != "") {
    check_quotation()
    quoted = ""
  }
  next
}

fenced {
  block = block $0 "\n"
  next
}

quoted != "" {
  mistake(FILENAME, quoted_at, "this quotation is followed by no fenced block")
  quoted = ""
}

/^<!-- quote: [^ ]+ -->$/ {
  quoted = $3
  quoted_at = FNR
  next
}

/^#+ / {
  heading = $0
  sub(/^#+ /, "", heading)
  headings[FILENAME "#" slug(heading)] = 1
  if (/^## /) {
    group = $2
    sub(/:$/, "", group)
  }
}

FILENAME == "docs/dependencies.md" && group in groups && /^\| `[^`]+` \|/ {
  name = $2
  gsub(/`/, "", name)
  if ((group, name) in listed) documented[group, name] = 1
  else mistake(FILENAME, FNR, name " is not in tools/packages/" group ".txt")
}

{ note_links($0) }

END {
  if (fenced) mistake(last_file, fence_line, "this fenced block has no end")
  for (key in listed) {
    if (key in documented) continue
    split(key, parts, SUBSEP)
    mistake("docs/dependencies.md", 1,
            parts[2] " is in tools/packages/" parts[1] ".txt, but not under \"## " parts[1] "\"")
  }
  for (i = 1; i <= links; i++) {
    folder = link_file[i]
    if (!sub(/[^\/]*$/, "", folder)) folder = ""
    target = link[i]
    anchor = ""
    if (match(target, /#/)) {
      anchor = substr(target, RSTART + 1)
      target = substr(target, 1, RSTART - 1)
    }
    target = target == "" ? link_file[i] : plain(folder target)
    if (!is_there(target)) mistake(link_file[i], link_line[i], "there is no " target)
    else if (anchor != "" && target ~ /\.md$/ && !((target "#" anchor) in headings))
      mistake(link_file[i], link_line[i], target " has no heading #" anchor)
  }
  exit mistakes > 0
}
