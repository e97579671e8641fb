// Functions that crash or hang, each under a name that a report must tell.
#pragma once

#include <string>

namespace prong::tests {

/// Whether the address sanitizer watches this program: it ends a process that corrupts its heap before the heap
/// notices, with exit code 1 and a report of its own.
#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool address_sanitizer = true;
#else
inline constexpr bool address_sanitizer = false;
#endif

void guilty_of_a_fault();
void guilty_of_endless_recursion();
void guilty_of_abort();
void guilty_of_calling_null();
void guilty_of_jumping_anywhere();
void guilty_of_dividing_by_zero();
void guilty_of_no_instruction();
void guilty_of_a_bus_error();
void guilty_of_raising(int number);
void guilty_of_throwing_where_none_may_leave();
void guilty_of_throwing_a_number();
void guilty_of_freeing_twice();
/// Overwrites the heap's own words, so that it fails with its lock held: another thread exists.
void guilty_of_overwriting_the_heap();
void guilty_of_faulting_with_the_heap_locked();
/// Crashes where the stack leads nowhere, so that who walks it faults.
void guilty_of_a_destroyed_stack();
void guilty_of_unmapping_the_page();
void guilty_in_another_thread();
void guilty_in_a_loaded_module();
void guilty_of_loading_a_module_that_crashes();

void hang_in_a_loop();
void hang_in_a_read();
void hang_with_all_signals_blocked();
void hang_stopped();
void hang_in_three_threads();

}  // namespace prong::tests
