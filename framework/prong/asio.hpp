// For programs that use Boost.Asio: calls and other waits with completion tokens, and processes whose backends run
// coroutines.
#pragma once

#include "prong/context/async_queue.hpp"
#include "prong/context/task_slot.hpp"
#include "prong/context/task_thread.hpp"
#include "prong/loop/asio_guest.hpp"
#include "prong/loop/asio_host.hpp"
#include "prong/process/async_back_message_process.hpp"
#include "prong/process/async_call.hpp"
#include "prong/process/async_tasks.hpp"
#include "prong/process/async_waits.hpp"
#include "prong/process/exclog.hpp"
#include "prong/process/io_context_reader.hpp"
#include "prong/prong.hpp"
#include "prong/reply/async_get.hpp"
