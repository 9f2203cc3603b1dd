// SPDX-License-Identifier: Apache-2.0
// Better choices of what stays, once a first choice is there: weights that are gone change places with
// weights of their group while that lowers the error. Private to prune/.
#pragma once

#include <vector>

#include "prune/obs_solve.h"

namespace aap {

// `w` [M, D] holds the best weights for its non-zeros (obs_prune_rows in rows' own order, or
// obs_refit_rows); so it does afterwards, with an error (q - target)^T H (q - target) that is no larger.
// The cheapest exchange of each group in turn is made, `sweeps` times over all groups at most. A group
// with fewer than its `keep` non-zeros takes more. Cost about M (D - S) S^2 a sweep, S non-zeros a row.
// Returns the exchanges made. Errors: InputError where H is not positive definite.
int64_t obs_exchange_rows(MatrixView w, const ConstMatrixView& target, const ConstMatrixView& hessian,
                          const std::vector<ColumnGroup>& groups, int sweeps);

}  // namespace aap
