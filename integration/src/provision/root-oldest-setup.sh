# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
# mmdebstrap's setup hook: takes the lists of a mirror that lags behind. Those of testing are valid for a week; the
# signatures are checked all the same.
set -eu
mkdir -p "$1/etc/apt/apt.conf.d"
echo 'Acquire::Check-Valid-Until "false";' >"$1/etc/apt/apt.conf.d/lagging-mirror"
