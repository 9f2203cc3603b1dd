// SPDX-License-Identifier: Apache-2.0
// One layer of second-order pruning as a matrix problem. For a row w of the weights and the second
// moments H of what it reads, the squared change of the output is (q - w)^T H (q - w); the pruner
// looks for the q with at most K non-zeros in each group that makes it small. After "Optimal Brain
// Surgeon" (Hassibi, Stork, 1993), "SparseGPT" (Frantar, Alistarh, arXiv 2301.00774: columns in a
// fixed order) and "Optimal Brain Compression" (Frantar, Singh, Alistarh, arXiv 2208.11580: each
// row in its own order).
#pragma once

#include <cstdint>
#include <vector>

#include "prune/obs_linear.h"

namespace aap {

// Columns first..first+size-1 form a group, of which `keep` stay. Groups follow one another from
// column 0 without gaps.
struct ColumnGroup {
  int64_t first = 0, size = 0, keep = 0;
};

enum class ObsOrder {
  kColumns,  // one Cholesky factor for all rows, groups from the last to the first: D^3 / 3 + M D^2
  kRows,     // every row removes its cheapest weight first, with an inverse of its own: about M D^3
};

// Replaces each row of `w` [M, D] by a row with at most K non-zeros in each group, the kept weights
// compensated. `hessian` [D, D] is symmetric; both halves are read and both are destroyed.
// A weight that is removed is exactly 0. Errors: InputError where H is not positive definite.
void obs_prune_rows(MatrixView w, MatrixView hessian, const std::vector<ColumnGroup>& groups,
                    ObsOrder order);

// The weights of smallest (q - target)^T H (q - target) among those that are zero where `w` is:
// solves each row's normal equations over its non-zeros. Cost M S^3 / 3 for S non-zeros a row.
void obs_refit_rows(MatrixView w, const ConstMatrixView& target, const ConstMatrixView& hessian);

// Sum over rows of (q - w)^T H (q - w).
double quadratic_error(const ConstMatrixView& q, const ConstMatrixView& w,
                       const ConstMatrixView& hessian);

}  // namespace aap
