// SPDX-License-Identifier: Apache-2.0
// Accuracy over several seeds, and differences between two methods on the same images.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace aap::study {

// One run: for each image of the data set '1' right, '0' wrong, '-' not scored.
using Marks = std::string;

double accuracy(const Marks& run);  // percent of the scored images

struct Summary {
  double mean = 0.0;
  double spread = 0.0;  // standard deviation over runs, n - 1; 0 for one run
};
Summary summarise(const std::vector<Marks>& runs);

struct Difference {
  double mean = 0.0;             // percentage points, a minus b
  double low = 0.0, high = 0.0;  // 95 % interval
};
// Run i of `a` and run i of `b` were scored on the same images (InputError where they were not).
// The standard error has two parts: of the mean over images of each image's difference averaged
// over its runs (the images are a sample), and of the mean over runs of each run's difference (the
// calibration images are one, too). Interval: 1.96 standard errors.
Difference paired_difference(const std::vector<Marks>& a, const std::vector<Marks>& b);

}  // namespace aap::study
