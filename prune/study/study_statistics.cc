// SPDX-License-Identifier: Apache-2.0
#include "prune/study/study_statistics.h"

#include <cmath>

#include "model/error.h"

namespace aap::study {
namespace {

// Mean and squared standard error of the mean.
struct Mean {
  double value = 0.0, squared_error = 0.0;
};

Mean mean_of(const std::vector<double>& x) {
  Mean m;
  const auto n = static_cast<double>(x.size());
  for (double v : x) m.value += v / n;
  if (x.size() < 2) return m;
  for (double v : x) m.squared_error += (v - m.value) * (v - m.value) / (n - 1) / n;
  return m;
}

}  // namespace

double accuracy(const Marks& run) {
  int64_t right = 0, scored = 0;
  for (char c : run) {
    right += c == '1' ? 1 : 0;
    scored += c == '-' ? 0 : 1;
  }
  if (scored == 0) throw_input("study: a run without scored images");
  return 100.0 * static_cast<double>(right) / static_cast<double>(scored);
}

Summary summarise(const std::vector<Marks>& runs) {
  std::vector<double> values;
  for (const Marks& run : runs) values.push_back(accuracy(run));
  const Mean m = mean_of(values);
  return {m.value, std::sqrt(m.squared_error * static_cast<double>(values.size()))};
}

Difference paired_difference(const std::vector<Marks>& a, const std::vector<Marks>& b) {
  if (a.empty() || a.size() != b.size())
    throw_input("study: {} runs against {}", a.size(), b.size());
  std::vector<double> by_run, by_image;
  for (size_t r = 0; r < a.size(); ++r) {
    if (a[r].size() != a[0].size() || b[r].size() != a[0].size()) {
      throw_input("study: run {} has another number of images", r);
    }
    by_run.push_back(accuracy(a[r]) - accuracy(b[r]));
  }
  for (size_t i = 0; i < a[0].size(); ++i) {
    double sum = 0.0, runs = 0.0;
    for (size_t r = 0; r < a.size(); ++r) {
      if ((a[r][i] == '-') != (b[r][i] == '-')) {
        throw_input("study: image {} is scored in one of two compared runs", i);
      }
      if (a[r][i] == '-') continue;
      sum += 100.0 * (a[r][i] - b[r][i]);
      runs += 1.0;
    }
    if (runs > 0.0) by_image.push_back(sum / runs);
  }
  const Mean runs = mean_of(by_run), images = mean_of(by_image);
  const double width = 1.96 * std::sqrt(runs.squared_error + images.squared_error);
  return {runs.value, runs.value - width, runs.value + width};
}

}  // namespace aap::study
