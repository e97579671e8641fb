#include "prong/graph/graph.hpp"

#include <algorithm>
#include <string_view>
#include <unordered_set>

namespace prong {
namespace {

using Neighbours = const std::vector<Node*>& (Node::*)() const noexcept;

// One of the two searches that meet: from a node along its edges in one direction, breadth first.
class Search {
 public:
  Search(Node& start, Neighbours neighbours) : neighbours_{neighbours}, queue_{&start} { came_from_[&start] = nullptr; }

  // Visits the next node; null: there is none left.
  Node* step() {
    if (next_ == queue_.size()) return nullptr;
    Node* const node = queue_[next_++];
    for (Node* const neighbour : (node->*neighbours_)())
      if (came_from_.emplace(neighbour, node).second) queue_.push_back(neighbour);
    return node;
  }
  [[nodiscard]] bool knows(const Node* node) const { return came_from_.contains(node); }
  // Returns the nodes from `node` back to the start.
  [[nodiscard]] std::vector<const Node*> way_back(const Node* node) const {
    std::vector<const Node*> way;
    for (; node != nullptr; node = came_from_.at(node)) way.push_back(node);
    return way;
  }

 private:
  Neighbours neighbours_;
  std::vector<Node*> queue_;
  std::size_t next_ = 0;
  std::unordered_map<const Node*, const Node*> came_from_;
};

// Returns the nodes on a way from `from` to `to` with both ends, or none if there is no way.
//
// Both ends are searched from in turn, so it costs no more than twice the smaller search: a graph that is built at
// either end, node by node, is built in linear time.
std::vector<const Node*> find_way(Node& from, Node& to) {
  Search forward{from, &Node::out_nodes};
  Search backward{to, &Node::in_nodes};
  for (;;) {
    const Node* meeting = forward.step();
    if (meeting == nullptr) return {};
    if (!backward.knows(meeting)) {
      meeting = backward.step();
      if (meeting == nullptr) return {};
      if (!forward.knows(meeting)) continue;
    }
    std::vector<const Node*> way = forward.way_back(meeting);
    std::reverse(way.begin(), way.end());
    const std::vector<const Node*> rest = backward.way_back(meeting);
    way.insert(way.end(), rest.begin() + 1, rest.end());
    return way;
  }
}

std::string name_cycle(const std::vector<const Node*>& way) {
  constexpr std::size_t most = 16;  // a sentence, not a page
  std::string names = way.back()->id();
  for (std::size_t i = 0; i < way.size(); ++i) {
    if (way.size() > most && i == most / 2) {
      names += " -> (" + std::to_string(way.size() - most) + " more)";
      i = way.size() - most / 2;
    }
    names += " -> " + way[i]->id();
  }
  return names;
}

}  // namespace

Graph::~Graph() {
  for (auto& [key, entry] : nodes_) {
    entry.node->graph_ = nullptr;
    entry.node->in_nodes_.clear();
    entry.node->out_nodes_.clear();
  }
}

Result<Node*> Graph::add_node(std::shared_ptr<Node> node) {
  Node* const added = node.get();
  if (contains(*added)) return added;
  if (added->graph_ != nullptr) return fail(Errc::invalid_argument, "node " + added->id() + " is in another graph");
  nodes_.emplace(added, Entry{next_number_++, std::move(node)});
  added->graph_ = this;
  return added;
}

void Graph::unlink(Node& node) noexcept {
  for (Node* const input : node.in_nodes_) std::erase(input->out_nodes_, &node);
  for (Node* const output : node.out_nodes_) std::erase(output->in_nodes_, &node);
  node.in_nodes_.clear();
  node.out_nodes_.clear();
}

Graph& Graph::remove_node(Node& node) {
  if (!contains(node)) return *this;
  unlink(node);
  node.graph_ = nullptr;
  nodes_.erase(&node);
  return *this;
}

Result<void> Graph::add_edge(Node& from, Node& to) {
  for (const Node* const node : {&from, &to})
    if (!contains(*node)) return fail(Errc::invalid_argument, "node " + node->id() + " is not in this graph");
  const bool exists = from.out_nodes_.size() < to.in_nodes_.size()
                          ? std::find(from.out_nodes_.begin(), from.out_nodes_.end(), &to) != from.out_nodes_.end()
                          : std::find(to.in_nodes_.begin(), to.in_nodes_.end(), &from) != to.in_nodes_.end();
  if (exists) return {};
  if (const auto way = find_way(to, from); !way.empty())
    return fail(Errc::invalid_argument, "the edge would close a cycle: " + name_cycle(way));
  from.out_nodes_.push_back(&to);
  to.in_nodes_.push_back(&from);
  return {};
}

Graph& Graph::remove_edge(Node& from, Node& to) {
  if (contains(from) && contains(to)) {
    std::erase(from.out_nodes_, &to);
    std::erase(to.in_nodes_, &from);
  }
  return *this;
}

std::vector<std::shared_ptr<Node>> Graph::nodes() const {
  std::vector<const Entry*> entries;
  entries.reserve(nodes_.size());
  for (const auto& [key, entry] : nodes_) entries.push_back(&entry);
  std::sort(entries.begin(), entries.end(), [](const Entry* a, const Entry* b) { return a->number < b->number; });
  std::vector<std::shared_ptr<Node>> nodes;
  nodes.reserve(entries.size());
  for (const Entry* const entry : entries) nodes.push_back(entry->node);
  return nodes;
}

std::vector<Node*> Graph::input_inclusive_dfirst_reversed(Node& node) const {
  // Without recursion: a chain may be longer than the stack.
  struct Visit {
    Node* node;
    std::size_t next_input;
  };
  std::vector<Node*> order;
  std::unordered_set<const Node*> seen{&node};
  std::vector<Visit> path{{&node, 0}};
  while (!path.empty()) {
    Visit& visit = path.back();
    if (visit.next_input == visit.node->in_nodes_.size()) {
      order.push_back(visit.node);
      path.pop_back();
    } else if (Node* const input = visit.node->in_nodes_[visit.next_input++]; seen.insert(input).second) {
      path.push_back({input, 0});
    }
  }
  return order;
}

std::string dot_quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char character : text) {
    if (character == '"' || character == '\\') quoted += '\\';
    if (character == '\n')
      quoted += "\\n";
    else
      quoted += character;
  }
  return quoted + '"';
}

std::string Graph::dot() const {
  std::string text = "digraph {\n  rankdir=LR;\n";
  std::unordered_map<const Node*, std::string> names;  // ids need not be unique
  const auto all = nodes();
  for (const auto& node : all) {
    const std::string name = "n" + std::to_string(names.size());
    text += "  " + name + " [label=" + dot_quoted(node->id()) + "];\n";
    names.emplace(node.get(), name);
  }
  for (const auto& node : all)
    for (const Node* const output : node->out_nodes())
      text += "  " + names.at(node.get()) + " -> " + names.at(output) + ";\n";
  return text + "}\n";
}

}  // namespace prong
