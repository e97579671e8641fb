// A node of a graph.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace prong {

class Graph;

/// A node that knows its neighbours and has a name that people read.
///
/// Thread safety: that of its graph.
/// Source: gitpython async, "Node".
class Node {
 public:
  explicit Node(std::string id) : id_{std::move(id)} {}
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;
  virtual ~Node() = default;

  [[nodiscard]] const std::string& id() const noexcept { return id_; }
  /// Returns the nodes that feed this one, in the order in which their edges were added.
  [[nodiscard]] const std::vector<Node*>& in_nodes() const noexcept { return in_nodes_; }
  /// Returns the nodes that this one feeds, in the order in which their edges were added.
  [[nodiscard]] const std::vector<Node*>& out_nodes() const noexcept { return out_nodes_; }
  /// Returns the graph that it is in, or null.
  [[nodiscard]] const Graph* graph() const noexcept { return graph_; }

 private:
  friend class Graph;

  const std::string id_;
  Graph* graph_ = nullptr;
  std::vector<Node*> in_nodes_;
  std::vector<Node*> out_nodes_;
};

}  // namespace prong
