#include "prong/graph/graph.hpp"

#include "random_rounds.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

namespace prong {
namespace {

std::shared_ptr<Node> make_node(const std::string& id) {
  return std::make_shared<Node>(id);
}

// A graph whose nodes are called by their names.
struct NamedGraph {
  Graph graph;
  std::map<std::string, Node*> node;

  explicit NamedGraph(const std::vector<std::string>& names) {
    for (const auto& name : names) node[name] = graph.add_node(make_node(name)).value();
  }
  Result<void> edge(const std::string& from, const std::string& to) { return graph.add_edge(*node[from], *node[to]); }
  std::string order(const std::string& last) {
    std::string names;
    for (const Node* const each : graph.input_inclusive_dfirst_reversed(*node[last])) names += each->id();
    return names;
  }
};

TEST(Graph, inputs_come_first_depth_first_and_each_once) {
  NamedGraph named{{"a", "b", "c", "d", "e"}};
  ASSERT_TRUE(named.edge("a", "b"));
  ASSERT_TRUE(named.edge("b", "d"));
  ASSERT_TRUE(named.edge("c", "d"));
  ASSERT_TRUE(named.edge("a", "c"));
  ASSERT_TRUE(named.edge("d", "e"));

  EXPECT_EQ(named.order("e"), "abcde");
  EXPECT_EQ(named.order("c"), "ac");
  EXPECT_EQ(named.order("a"), "a");
}

TEST(Graph, diamonds_and_shortcuts_are_no_cycles) {
  NamedGraph named{{"a", "b", "c", "d"}};

  EXPECT_TRUE(named.edge("a", "b"));
  EXPECT_TRUE(named.edge("a", "c"));
  EXPECT_TRUE(named.edge("b", "d"));
  EXPECT_TRUE(named.edge("c", "d"));
  EXPECT_TRUE(named.edge("a", "d"));
}

TEST(Graph, a_cycle_is_refused_and_its_path_named) {
  NamedGraph named{{"a", "b", "c", "d"}};
  ASSERT_TRUE(named.edge("a", "b"));
  ASSERT_TRUE(named.edge("b", "c"));
  ASSERT_TRUE(named.edge("c", "d"));

  const auto refused = named.edge("d", "a");

  EXPECT_EQ(refused.error().code(), Errc::invalid_argument);
  EXPECT_EQ(refused.error().message(), "the edge would close a cycle: d -> a -> b -> c -> d");
  EXPECT_TRUE(named.node["a"]->in_nodes().empty());
  EXPECT_EQ(named.edge("a", "a").error().message(), "the edge would close a cycle: a -> a");
}

TEST(Graph, a_long_cycle_is_named_by_its_ends) {
  Graph graph;
  std::vector<Node*> nodes;
  for (int i = 0; i < 100; ++i) {
    nodes.push_back(graph.add_node(make_node(std::to_string(i))).value());
    if (i == 0) continue;
    ASSERT_TRUE(graph.add_edge(*nodes[nodes.size() - 2], *nodes.back()));
  }

  EXPECT_EQ(graph.add_edge(*nodes.back(), *nodes.front()).error().message(),
            "the edge would close a cycle: 99 -> 0 -> 1 -> 2 -> 3 -> 4 -> 5 -> 6 -> 7 -> (84 more)"
            " -> 92 -> 93 -> 94 -> 95 -> 96 -> 97 -> 98 -> 99");
}

TEST(Graph, an_edge_that_exists_is_left_alone) {
  NamedGraph named{{"a", "b"}};

  EXPECT_TRUE(named.edge("a", "b"));
  EXPECT_TRUE(named.edge("a", "b"));

  EXPECT_EQ(named.node["a"]->out_nodes().size(), 1U);
  EXPECT_EQ(named.node["b"]->in_nodes().size(), 1U);
}

TEST(Graph, removing_a_node_unlinks_its_neighbours) {
  NamedGraph named{{"a", "b", "c"}};
  ASSERT_TRUE(named.edge("a", "b"));
  ASSERT_TRUE(named.edge("b", "c"));
  const auto removed = named.graph.nodes()[1];

  named.graph.remove_node(*removed).remove_node(*removed);

  EXPECT_EQ(named.graph.size(), 2U);
  EXPECT_TRUE(named.node["a"]->out_nodes().empty());
  EXPECT_TRUE(named.node["c"]->in_nodes().empty());
  EXPECT_TRUE(removed->in_nodes().empty());
  EXPECT_EQ(removed->graph(), nullptr);
  EXPECT_TRUE(named.edge("c", "a"));
}

TEST(Graph, a_node_is_in_one_graph) {
  Graph first;
  Graph second;
  const auto node = make_node("a");
  const auto other = make_node("b");
  ASSERT_EQ(first.add_node(node).value(), node.get());
  EXPECT_EQ(first.add_node(node).value(), node.get());
  ASSERT_TRUE(second.add_node(other));

  EXPECT_EQ(second.add_node(node).error().code(), Errc::invalid_argument);
  EXPECT_EQ(first.add_edge(*node, *other).error().code(), Errc::invalid_argument);
  EXPECT_EQ(first.size(), 1U);
}

TEST(Graph, nodes_outlive_their_graph_without_edges) {
  const auto a = make_node("a");
  const auto b = make_node("b");
  {
    Graph graph;
    ASSERT_TRUE(graph.add_node(a));
    ASSERT_TRUE(graph.add_node(b));
    ASSERT_TRUE(graph.add_edge(*a, *b));
  }

  EXPECT_TRUE(a->out_nodes().empty());
  EXPECT_EQ(b->graph(), nullptr);
}

TEST(Graph, is_drawn_with_its_nodes_and_edges) {
  NamedGraph named{{"a \"b\"", "c"}};
  ASSERT_TRUE(named.edge("a \"b\"", "c"));

  EXPECT_EQ(named.graph.dot(),
            "digraph {\n  rankdir=LR;\n  n0 [label=\"a \\\"b\\\"\"];\n  n1 [label=\"c\"];\n  n0 -> n1;\n}\n");
}

// With work that grows with the square of its size none of these would end within the test's limit.
TEST(Graph, a_hundred_thousand_nodes_take_linear_time_in_whichever_order_they_come) {
  constexpr std::size_t count = 100'000;
  for (const bool forwards : {true, false}) {
    Graph graph;
    std::vector<Node*> nodes;
    for (std::size_t i = 0; i < count; ++i) {
      nodes.push_back(graph.add_node(make_node("node")).value());
      if (i == 0) continue;
      Node& last = *nodes[i - 1];
      ASSERT_TRUE(forwards ? graph.add_edge(last, *nodes[i]) : graph.add_edge(*nodes[i], last));
    }

    const auto order = graph.input_inclusive_dfirst_reversed(forwards ? *nodes.back() : *nodes.front());

    ASSERT_EQ(order.size(), count);
    EXPECT_EQ(order.front(), forwards ? nodes.front() : nodes.back());
  }
}

TEST(Graph, a_hundred_thousand_diamonds_are_walked_once) {
  constexpr std::size_t count = 33'333;
  Graph graph;
  Node* top = graph.add_node(make_node("top")).value();
  for (std::size_t i = 0; i < count; ++i) {
    Node* const left = graph.add_node(make_node("left")).value();
    Node* const right = graph.add_node(make_node("right")).value();
    Node* const bottom = graph.add_node(make_node("bottom")).value();
    for (Node* const side : {left, right}) {
      ASSERT_TRUE(graph.add_edge(*top, *side));
      ASSERT_TRUE(graph.add_edge(*side, *bottom));
    }
    top = bottom;
  }

  EXPECT_EQ(graph.input_inclusive_dfirst_reversed(*top).size(), 3 * count + 1);
}

// Reachability by the definition, edge by edge.
TEST(Graph, accepts_an_edge_exactly_when_there_is_no_way_back) {
  const std::uint64_t seed = tests::random_seed();
  SCOPED_TRACE("PRONG_TEST_SEED=" + std::to_string(seed));
  std::mt19937_64 random{seed};
  for (int round = 0; round < tests::random_rounds(50); ++round) {
    const std::size_t count = random() % 12 + 2;
    Graph graph;
    std::vector<Node*> nodes;
    for (std::size_t i = 0; i < count; ++i) nodes.push_back(graph.add_node(make_node(std::to_string(i))).value());
    std::vector<std::vector<bool>> reaches(count, std::vector<bool>(count));
    for (std::size_t i = 0; i < count; ++i) reaches[i][i] = true;
    for (int i = 0; i < 60; ++i) {
      const std::size_t from = random() % count;
      const std::size_t to = random() % count;
      ASSERT_EQ(graph.add_edge(*nodes[from], *nodes[to]).has_value(), !reaches[to][from]);
      if (reaches[to][from]) continue;
      for (std::size_t a = 0; a < count; ++a)
        for (std::size_t b = 0; b < count; ++b)
          if (reaches[a][from] && reaches[to][b]) reaches[a][b] = true;
    }
    for (std::size_t last = 0; last < count; ++last) {
      const auto order = graph.input_inclusive_dfirst_reversed(*nodes[last]);
      std::set<const Node*> seen;
      for (const Node* const node : order) {
        for (const Node* const input : node->in_nodes()) ASSERT_TRUE(seen.contains(input));
        ASSERT_TRUE(seen.insert(node).second);
      }
      std::size_t inputs = 0;
      for (std::size_t i = 0; i < count; ++i) inputs += reaches[i][last] ? 1 : 0;
      ASSERT_EQ(order.size(), inputs);
      ASSERT_EQ(order.back(), nodes[last]);
    }
  }
}

}  // namespace
}  // namespace prong
