// Who feeds whom: a directed graph without cycles.
#pragma once

#include "prong/base/result.hpp"
#include "prong/graph/node.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace prong {

/// Nodes and directed edges between them. There is never a way from a node back to itself; diamonds are allowed.
///
/// An order of inputs takes time linear in the nodes and edges that it visits; a new edge, in the smaller of what leads
/// to its beginning and what its end leads to.
/// Thread safety: as an int.
/// Source: gitpython async, "Graph".
class Graph {
 public:
  Graph() = default;
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;
  ~Graph();

  /// Adds `node`, and returns it; one that is in this graph already is left as it is.
  /// Fails with: invalid_argument for one that is in another graph.
  Result<Node*> add_node(std::shared_ptr<Node> node);
  /// Takes `node` out with its edges; one that is not in this graph is no error.
  Graph& remove_node(Node& node);
  /// Lets `from` feed `to`; an edge that exists is left as it is.
  ///
  /// Fails with: invalid_argument for a node that is not in this graph, and for an edge that would close a cycle: the
  /// message names the nodes on it.
  Result<void> add_edge(Node& from, Node& to);
  /// Takes the edge away, if there is one.
  Graph& remove_edge(Node& from, Node& to);

  /// Returns the nodes in the order in which they were added.
  [[nodiscard]] std::vector<std::shared_ptr<Node>> nodes() const;
  [[nodiscard]] std::size_t size() const noexcept { return nodes_.size(); }
  [[nodiscard]] bool contains(const Node& node) const noexcept { return node.graph_ == this; }

  /// Returns `node` and all that feed it, directly or not, each once and behind its own inputs: depth first, inputs in
  /// the order of their edges, `node` last.
  [[nodiscard]] std::vector<Node*> input_inclusive_dfirst_reversed(Node& node) const;

  /// Returns the graph in the language of Graphviz, inputs to the left.
  [[nodiscard]] std::string dot() const;

 private:
  struct Entry {
    std::uint64_t number;
    std::shared_ptr<Node> node;
  };

  static void unlink(Node& node) noexcept;

  std::uint64_t next_number_ = 0;
  std::unordered_map<const Node*, Entry> nodes_;
};

/// Returns `text` between quotation marks as Graphviz reads it.
[[nodiscard]] std::string dot_quoted(std::string_view text);

}  // namespace prong
