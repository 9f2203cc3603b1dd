// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <new>

#include "cli/regress.h"

int main(int argc, char** argv) {
  using namespace aap;
  CLI::App app{"aap: accelerator-aware pruning. Prune a network to keep K of every G weights, quantise it, "
               "compile it, and run it on the accelerator's golden model, cycle model or RTL.",
               "aap"};
  app.require_subcommand(1);
  app.footer("Exit codes: 0 ok, 1 mismatch, 2 usage or bad input.\n"
             "Example, a network from float to RTL:\n"
             "  aap prune networks/fashion_mnist.onnx --keep 4 --group 16 --recalibrate 512 -o pruned.onnx\n"
             "  aap quantize pruned.onnx -o pruned_int8.onnx\n"
             "  aap compile pruned_int8.onnx --config configs/board.yaml -o pruned.aap\n"
             "  aap run pruned.aap --engine rtl --network pruned_int8.onnx --config configs/board.yaml --images 10");
  cli::Action action;
  cli::add_train(app, action);
  cli::add_prune(app, action);
  cli::add_recipe(app, action);
  cli::add_check(app, action);
  cli::add_quantize(app, action);
  cli::add_compile(app, action);
  cli::add_fit(app, action);
  cli::add_run(app, action);
  cli::add_dump(app, action);
  cli::add_report(app, action);
  cli::add_regress(app, action);
  cli::add_bench(app, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& e) {
    return app.exit(e);
  } catch (const CLI::CallForAllHelp& e) {
    return app.exit(e);
  } catch (const CLI::ParseError& e) {
    fmt::print(stderr, "aap: {} (aap --help)\n", e.what());
    return cli::kUsage;
  }
  try {
    return action();
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "aap: out of memory\n");
  } catch (const std::exception& e) {
    fmt::print(stderr, "aap: {}\n", printable(e.what()));
  }
  return cli::kUsage;
}
