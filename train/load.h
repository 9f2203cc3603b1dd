// SPDX-License-Identifier: Apache-2.0
// Opens the trainer plugin at run time, so that only the plugin needs libtorch.
#pragma once

#include "train/trainer.h"

namespace aap {

// Looks for libaap_train.so in $AAP_LIB_DIR (only there when set), else in ../lib beside the
// running executable, else beside it. The plugin stays open until the program ends. Throws
// InputError that says where it looked and how to build it.
const TrainerApi& load_trainer();

// load_trainer().run(options, progress)
TrainResult train(const TrainOptions& options, const TrainCallback& progress = {});

}  // namespace aap
