// SPDX-License-Identifier: Apache-2.0
// aap prune with what raises the weights' worth: permutation, second-order update, K under a budget.
#define BOOST_TEST_MODULE cli_prune
#include <boost/test/unit_test.hpp>
#include <map>
#include <nlohmann/json.hpp>

#include "cli/test/run_aap.h"

using namespace cli_test;
using nlohmann::json;

namespace {

// The JSON of `aap prune kFloat OPTIONS -o out`, whose file then passes the check.
json pruned(const std::string& options, const std::string& out) {
  const Output o = aap("prune " + kFloat + " " + options + " --json -o " + out);
  BOOST_REQUIRE_MESSAGE(o.code == 0, options << ": " << o.err);
  const Output check = aap("check " + out);
  BOOST_TEST(check.code == 0, options << ": " << check.out << check.err);
  return json::parse(o.out);
}

std::map<std::string, int> keeps(const json& j) {
  std::map<std::string, int> keep;
  for (const json& l : j.at("layers")) keep[l.at("name")] = l.at("keep");
  return keep;
}

double accuracy(const std::string& network) {
  const Output o = aap("run " + network + " --engine float --images 1000 --json");
  BOOST_REQUIRE_MESSAGE(o.code == 0, o.err);
  return json::parse(o.out).at("accuracy");
}

}  // namespace

BOOST_AUTO_TEST_CASE(permutation_and_update_keep_k_of_g_and_the_accuracy) {
  const Folder folder;
  const std::string out = folder / "raised.onnx", magnitude = folder / "magnitude.onnx";
  const json j = pruned("--keep 4 --permute --obs 96 --refit", out);
  double before = 0.0, after = 0.0;
  int searched = 0;
  for (const json& p : j.at("permuted")) {
    if (p.contains("reason")) continue;
    ++searched;
    before += p.at("kept_before").get<double>();
    after += p.at("kept_after").get<double>();
    BOOST_TEST(p.at("kept_after") >= p.at("kept_before"));
  }
  BOOST_TEST(searched == 4);  // three residual sums and the first layer; input and output stay
  BOOST_TEST(after > 1.005 * before);
  BOOST_REQUIRE(j.at("obs").size() == 14U);  // the first and the depthwise ones are refitted
  int smaller = 0;
  for (const json& l : j.at("obs")) {
    BOOST_TEST(l.at("error") <= l.at("error_magnitude"));
    smaller += l.at("error") < l.at("error_magnitude") ? 1 : 0;
  }
  BOOST_TEST(smaller == 7);
  BOOST_TEST(keeps(j).at("block3/pw") == 4);
  pruned("--keep 4 --recalibrate 96", magnitude);
  const double raised = accuracy(out), plain = accuracy(magnitude);
  BOOST_TEST(raised > plain + 1.0, raised << " against " << plain);
}

BOOST_AUTO_TEST_CASE(the_score_of_a_recipe_decides_which_layers_are_updated) {
  const Folder folder;
  const std::string recipe = folder / "r.yaml", out = folder / "out.onnx";
  write_bytes(recipe, "group: 16\ndefaults: {method: aap, keep: 4}\n"
                      "layers:\n  - {name: \"block1/*\", score: obs}\n"
                      "  - {name: \"block2/*\", method: unconstrained, score: obs}\n");
  const json j = pruned("--calibration-images 32 --recipe " + recipe, out);
  BOOST_REQUIRE(j.at("obs").size() == 1U);
  BOOST_TEST(j.at("obs")[0].at("name") == "block1/pw");
  for (const json& l : j.at("layers")) {
    const bool updated = l.at("reason").get<std::string>().find("by obs, which updates") != std::string::npos;
    BOOST_TEST(updated == (l.at("name") == "block1/pw"), l.dump());
  }
  refuses("prune " + kFloat + " --obs 32 --recipe " + recipe + " -o " + out, "--recipe excludes --obs");
  refuses("prune " + kFloat + " --recalibrate 32 --recipe " + recipe + " -o " + out, "--recalibrate");
}

BOOST_AUTO_TEST_CASE(a_recipe_slims_channels_before_groups_form) {
  const Folder folder;
  const std::string recipe = folder / "r.yaml", out = folder / "out.onnx";
  const std::string rest = "group: 16\ndefaults: {method: aap, keep: 4}\nslim:\n";
  write_bytes(recipe, rest + "  - {name: \"stem/conv\", keep_percent: 50}\n");
  const json j = pruned("--recipe " + recipe, out);
  BOOST_REQUIRE(j.at("slimmed").size() == 1U);
  BOOST_TEST(j.at("slimmed")[0].at("kept").size() == 16U);
  std::map<std::string, json> shape;
  for (const json& l : j.at("layers")) shape[l.at("name")] = l.at("shape");
  BOOST_TEST((shape.at("stem/conv") == json{16, 1, 3, 3}));
  BOOST_TEST((shape.at("down1/dw") == json{16, 1, 3, 3}));
  BOOST_TEST((shape.at("down1/pw") == json{64, 16, 1, 1}));
  BOOST_TEST(accuracy(out) > 5.0);  // it runs
  write_bytes(recipe, rest + "  - {name: \"head/*\", keep_percent: 50}\n");
  refuses("prune " + kFloat + " --recipe " + recipe + " -o " + out, "slim 'head/*' matches no convolution");
}

BOOST_AUTO_TEST_CASE(k_of_each_layer_fits_the_budget) {
  const Folder folder;
  const std::string out = folder / "out.onnx", board = " --config configs/board.yaml";
  const std::string few = " --allocate-images 32 --allocate-keeps 1,2,4,8,16";
  double loss = -1.0;
  for (const int cycles : {34000, 27000, 23000}) {
    const json j = pruned("--allocate cycles=" + std::to_string(cycles) + few + board, out);
    BOOST_TEST(j.at("cycles").get<int>() <= cycles);
    BOOST_TEST(j.at("cycles").get<int>() > cycles * 8 / 10);
    BOOST_TEST(j.at("allocation").at("cycles") == j.at("cycles"));
    BOOST_TEST(j.at("allocation").at("loss").get<double>() > loss);  // a smaller budget costs
    loss = j.at("allocation").at("loss");
    const std::map<std::string, int> keep = keeps(j);
    BOOST_REQUIRE(j.at("allocation").at("layers").size() == 7U);
    for (const json& l : j.at("allocation").at("layers")) BOOST_TEST(keep.at(l.at("name")) == l.at("keep"));
  }
  const json j = pruned("--allocate loss=0.3" + few, out);
  BOOST_TEST(j.at("allocation").at("loss") <= 0.3);
  BOOST_TEST(j.at("allocation").at("kept_weights") < 137920);
  // The plan alone shows the same K and writes nothing.
  const std::string never = folder / "never.onnx";
  const Output plan = aap("prune " + kFloat + " --allocate loss=0.3" + few + " --plan --json -o " + never);
  BOOST_REQUIRE(plan.code == 0);
  BOOST_TEST((keeps(json::parse(plan.out)) == keeps(j)));
  BOOST_TEST(!fs::exists(never));
}

BOOST_AUTO_TEST_CASE(biases_are_corrected) {
  const Folder folder;
  const json j = pruned("--keep 4 --bias 32 --recalibrate 32", folder / "out.onnx");
  BOOST_TEST(j.at("bias_recalibrated_layers") == 1);  // the only layer without batch norm
}

BOOST_AUTO_TEST_CASE(options_that_do_not_fit_are_refused) {
  const Folder folder;
  const std::string out = " -o " + (folder / "never.onnx"), prune = "prune " + kFloat + out;
  refuses(prune + " --allocate magic=3", "--allocate 'magic=3': legal is");
  refuses(prune + " --allocate cycles=x --config configs/board.yaml", "--allocate 'cycles=x': legal is");
  refuses(prune + " --allocate cycles=30000", "needs --config");
  refuses(prune + " --allocate cycles=100 --allocate-images 8 --config configs/board.yaml", "cycles already");
  refuses(prune + " --method random --allocate loss=1 --allocate-images 8", "has a choice of K");
  refuses(prune + " --allocate-keeps 33 --allocate loss=1", "33");
  refuses(prune + " --obs 32 --recalibrate 32", "re-calibrates batch norm as it goes");
  refuses(prune + " --obs 32 --score wanda", "--score excludes --obs");
  refuses(prune + " --refit", "--refit goes with");
  refuses(prune + " --bias-variance", "--bias-variance goes with --bias");
  const std::string int8 = folder / "int8.onnx";
  BOOST_REQUIRE(aap("quantize " + kFloat + " --images 16 -o " + int8).code == 0);
  for (const char* option : {"--permute", "--obs 8", "--bias 8", "--allocate loss=1"}) {
    refuses("prune " + int8 + out + " " + option, "need a float network");
  }
  refuses("prune " + int8 + out + " --score obs", "needs a float network");
  BOOST_TEST(!fs::exists(folder / "never.onnx"));
}
