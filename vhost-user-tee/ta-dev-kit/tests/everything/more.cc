// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
// The standard library, run-time types, and a header that is included as OP-TEE's must be.
extern "C" {
#include <tee_internal_api.h>
#include <tee_internal_api_extensions.h>
#include <util.h>
#include <string_ext.h>
}

#include <everything.h>

#include <algorithm>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#ifdef REMOVED_BY_SOURCE
#error "cxxflags-remove-<source>-y does not take a flag away"
#endif
#if __cplusplus != 201703L
#error "cxxflags-y does not choose the standard"
#endif

namespace {

struct Shape {
	virtual ~Shape() = default;
	virtual int sides() const = 0;
};

struct Square final : Shape {
	int sides() const override { return OF_ONE_CXX_SOURCE; }
};

std::unique_ptr<Shape> make_shape()
{
	return std::make_unique<Square>();
}

} // namespace

int virtual_call(void)
{
	const auto shape = make_shape();

	return dynamic_cast<const Square *>(shape.get()) ? shape->sides() : -1;
}

int standard_library(void)
{
	static const std::map<std::string, int> names = { { "seven", 7 }, { "eight", 8 } };
	std::vector<int> numbers = { 3, 1, 2 };
	std::ostringstream text;

	std::sort(numbers.begin(), numbers.end());
	for (int number : numbers)
		text << number;
	return std::stoi(text.str()) + names.at("seven");
}
