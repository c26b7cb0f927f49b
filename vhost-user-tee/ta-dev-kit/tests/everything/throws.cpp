// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
// Exceptions, and objects with constructors and destructors that the language calls.
#include <everything.h>

#include <cstdlib>
#include <stdexcept>

namespace {

class Global {
public:
	Global() : number(50)
	{
		// The API is there already.
		TEE_GetSystemTime(&constructed);
	}

	~Global()
	{
		if (watched)
			*watched = 'D';
	}

	int number;
	TEE_Time constructed;
	char *volatile watched = nullptr;
};

Global global;

// Its destructor must run while the exception passes.
struct Counted {
	explicit Counted(int &n) : count(n) {}
	~Counted() { count++; }
	int &count;
};

[[noreturn]] void thrower(int &destroyed)
{
	Counted counted(destroyed);
	throw std::out_of_range("60");
}

} // namespace

int caught_exception(void)
{
	int destroyed = 0;

	try {
		thrower(destroyed);
	} catch (const std::logic_error &error) {
		return std::atoi(error.what()) + destroyed;
	}
	return -1;
}

int constructed_before_create(void)
{
	return global.constructed.seconds || global.constructed.millis ? global.number : -1;
}

void watch_destructor(void *at)
{
	global.watched = static_cast<char *>(at);
}
