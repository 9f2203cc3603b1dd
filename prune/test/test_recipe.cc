// SPDX-License-Identifier: Apache-2.0
#define BOOST_TEST_MODULE recipe
#include <boost/test/unit_test.hpp>

#include "prune/prune.h"
#include "prune/test/graphs.h"

using namespace aap;
using aap::testing::GraphBuilder;

namespace {

const std::string kBase = "group: 16\ndefaults: {method: aap, keep: 4}\n";

void refuses(const std::string& text, const std::string& part) {
  try {
    parse_recipe(text, "r.yaml");
    BOOST_ERROR("accepted, but should name: " + part);
  } catch (const InputError& e) {
    const std::string what = e.what();
    BOOST_TEST(what.find(part) != std::string::npos, what);
    BOOST_TEST(what.find("r.yaml") == 0U, what);
    BOOST_TEST(what.find('\n') == std::string::npos, what);
  }
}

// One layer of each type, and a tail.
Graph mixed() {
  GraphBuilder b({3, 8, 8});
  std::string x = b.conv("stem", "input", b.normal({32, 3, 3, 3}, 1.0F));
  x = b.conv("block1/dw", x, b.normal({32, 1, 3, 3}, 1.0F), 32);
  x = b.conv("block1/pw", x, b.normal({48, 32, 1, 1}, 1.0F));
  x = b.conv("block2/grouped", x, b.normal({40, 24, 1, 1}, 1.0F), 2);
  x = b.conv("block2/pw", x, b.normal({24, 40, 1, 1}, 1.0F));
  x = b.op("Flatten", "flatten", {x});
  return b.finish(b.gemm("fc", x, b.normal({10, 24 * 64}, 1.0F), true));
}

const LayerPlan& find(const std::vector<LayerPlan>& layers, const std::string& name) {
  for (const LayerPlan& l : layers) {
    if (l.name == name) return l;
  }
  throw InputError("no layer " + name);
}

std::vector<LayerPlan> planned(const std::string& text) {
  return plan_recipe(mixed(), parse_recipe(text, "r.yaml"));
}

void plan_refuses(const std::string& text, const std::string& part) {
  BOOST_CHECK_EXCEPTION(planned(text), InputError, [&](const InputError& e) {
    BOOST_TEST(std::string(e.what()).find(part) != std::string::npos, e.what());
    return true;
  });
}

}  // namespace

BOOST_AUTO_TEST_CASE(wildcards) {
  BOOST_TEST(matches("conv1", "conv1"));
  BOOST_TEST(!matches("conv1", "conv12"));
  BOOST_TEST(!matches("conv12", "conv1"));
  BOOST_TEST(matches("*", ""));
  BOOST_TEST(matches("block?/*", "block3/pw/x"));
  BOOST_TEST(!matches("block?/*", "block/pw"));
  BOOST_TEST(matches("*a*b", "xxaxbxb"));
  BOOST_TEST(!matches("*a*b", "xxaxbxbc"));
  BOOST_TEST(matches("**x**", "x"));
}

BOOST_AUTO_TEST_CASE(later_rules_go_before_earlier_ones) {
  const auto layers = planned(kBase +
                              "types: {fully_connected: {keep: 1}, conv: {keep: 8, tail: proportional}}\n"
                              "layers:\n"
                              "  - {name: \"block2/*\", keep: 2}\n"
                              "  - {name: \"block2/p?\", method: unconstrained}\n");
  BOOST_CHECK(find(layers, "stem").rule == PruneRule::kDense);
  BOOST_CHECK(find(layers, "block1/dw").rule == PruneRule::kDepthwise);
  BOOST_TEST(find(layers, "block1/pw").keep == 8);
  BOOST_TEST(find(layers, "block1/pw").reason == "keep 8 of 16; by types.conv");
  BOOST_TEST(find(layers, "block2/grouped").keep == 2);
  BOOST_CHECK(find(layers, "block2/grouped").type == LayerType::kGrouped);
  const LayerPlan& pw = find(layers, "block2/pw");
  BOOST_CHECK(pw.rule == PruneRule::kUnconstrained);
  BOOST_TEST(pw.keep == 2);
  BOOST_CHECK(pw.tail == TailRule::kProportional);
  BOOST_TEST(pw.reason ==
             "as many weights as keep 2 of 16 leaves; tail of 8 keeps 1; by layers 'block2/p?'");
  BOOST_TEST(pw.kept == 24 * (2 + 2 + 1));
  BOOST_TEST(find(layers, "fc").keep == 1);
  for (const LayerPlan& l : layers) BOOST_TEST(!l.reason.empty());
}

BOOST_AUTO_TEST_CASE(first_layers_stay_dense_unless_named) {
  BOOST_TEST(find(planned(kBase), "stem").reason == "first layer has 3 channels, fewer than a group of 16");
  const auto named = planned(kBase + "types: {first: {keep: 2}}\n");
  BOOST_CHECK(find(named, "stem").rule == PruneRule::kAap);
  BOOST_TEST(find(named, "stem").reason == "keep 2 of 16; tail of 3 keeps 2; by types.first");
  BOOST_TEST(find(named, "stem").kept == 32 * 9 * 2);
}

BOOST_AUTO_TEST_CASE(groups_of_grouped_convolutions_lie_where_activations_are_fetched) {
  // Two groups of 24 channels: the second reads channels 24..47, 8 of the fetched 16..31 and all of
  // 32..47.
  const auto layers = planned(kBase);
  const LayerPlan& l = find(layers, "block2/grouped");
  BOOST_TEST(l.kept == 40 * 8);
  BOOST_TEST(l.reason.find("tail of 8 keeps 4") != std::string::npos, l.reason);
}

BOOST_AUTO_TEST_CASE(a_rule_that_matches_nothing_is_an_error) {
  plan_refuses(kBase + "layers: [{name: \"block9/*\", keep: 2}]\n",
               "r.yaml: layers 'block9/*' matches no layer with weights");
  GraphBuilder b({16, 4, 4});
  const Graph graph = b.finish(b.conv("only", "input", b.normal({4, 16, 1, 1}, 1.0F)));
  BOOST_CHECK_EXCEPTION(
      plan_recipe(graph, parse_recipe(kBase + "types: {grouped: {keep: 2}}\n", "r.yaml")), InputError,
      [](const InputError& e) {
        return std::string(e.what()) == "r.yaml: types.grouped matches no layer with weights";
      });
}

BOOST_AUTO_TEST_CASE(settings_that_make_no_sense_for_a_layer_name_it) {
  plan_refuses(kBase + "layers: [{name: fc, method: n_of_m}]\n", "'fc' by layers 'fc': method n_of_m needs the key 'of'");
  plan_refuses(kBase + "layers: [{name: fc, method: n_of_m, of: 4, keep: 5}]\n", "keep is 5, legal is 1..4");
  plan_refuses(kBase + "layers: [{name: fc, keep: 17}]\n", "keep is 17, legal is 1..16");
  plan_refuses(kBase + "layers: [{name: fc, method: global, share: 2}]\n", "share 2 with method global");
  plan_refuses(kBase + "types: {grouped: {share: 3}}\n", "share 3 does not divide the 20 output channels");
}

BOOST_AUTO_TEST_CASE(what_is_no_recipe_is_refused) {
  refuses("- 1\n", "not a map");
  refuses(kBase + "slim: [{name: stem, keep_percent: 0}]\n", "key 'keep_percent' is 0, legal is 1..100");
  refuses(kBase + "slim: [{name: stem, keep_percent: 101}]\n", "key 'keep_percent' is 101, legal is 1..100");
  refuses(kBase + "slim: [{name: stem}]\n", "key 'keep_percent' is missing");
  refuses(kBase + "slim: [{name: stem, keep_percent: 50, score: obs}]\n", "legal is bn_gamma, l1");
  refuses(kBase + "slim: [{name: stem, keep_percent: 50, keep: 3}]\n", "keep");
  refuses("group: [\n", "not YAML");
  refuses("defaults: {method: aap, keep: 4}\n", "key 'group' is missing");
  refuses("group: 16\n", "key 'defaults' is missing");
  refuses("group: 16\ndefaults: {keep: 4}\n", "key 'method' is missing");
  refuses("group: 16\ndefaults: {method: aap}\n", "key 'keep' is missing");
  refuses("group: 33\ndefaults: {method: aap, keep: 4}\n", "key 'group' is 33, legal is 1..32");
  refuses("group: 016\ndefaults: {method: aap, keep: 4}\n", "key 'group' is '016'");
  refuses("group: 16\ndefaults: {method: aap, keep: 0x4}\n", "defaults: key 'keep' is '0x4'");
  refuses("group: 16\ngroup: 16\ndefaults: {method: aap, keep: 4}\n", "key 'group' appears twice");
  refuses("group: 16\ndefaults: {method: aap, keep: 4, keep: 5}\n", "key 'defaults.keep' appears twice");
  refuses(kBase + "colour: red\n", "key 'colour' is unknown");
  refuses(kBase + "layers: [{name: a, keeep: 2}]\n", "layers[1]: key 'keeep' is unknown");
  refuses(kBase + "layers: [{keep: 2}]\n", "layers[1]: key 'name' is missing");
  refuses(kBase + "layers: {name: a}\n", "key 'layers' is a map of keys, legal is a list");
  refuses(kBase + "layers: [a]\n", "'layers[1]' is a plain value");
  refuses(kBase + "types: {convolution: {keep: 2}}\n", "'convolution', legal is first, conv");
  refuses(kBase + "types: {depthwise: {keep: 2}}\n", "types.depthwise: a depthwise layer runs as keep 1");
  refuses("group: 16\ndefaults: {method: best, keep: 4}\n", "'best', legal is aap, n_of_m");
  refuses("group: 8\ndefaults: {method: aap, keep: 9}\n", "keep' is 9, legal is 1..8");
}

BOOST_AUTO_TEST_CASE(a_written_recipe_names_every_layer_and_plans_the_same) {
  const Graph graph = mixed();
  const std::string text = write_recipe(graph, 16, 4);
  PruneOptions options;
  const auto want = plan(graph, options);
  const auto got = plan_recipe(graph, parse_recipe(text, "written.yaml"));
  BOOST_REQUIRE(got.size() == want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    BOOST_TEST(text.find("- {name: \"" + want[i].name + "\"") != std::string::npos, text);
    BOOST_CHECK(got[i].rule == want[i].rule);
    BOOST_TEST(got[i].keep == want[i].keep);
    BOOST_TEST(got[i].kept == want[i].kept);
  }
}
