// Everything that a program of processes includes; neither Asio nor CAF comes with it.
#pragma once

#include "prong/context/main_context.hpp"
#include "prong/context/safe_select.hpp"
#include "prong/frame/frame_ring.hpp"
#include "prong/log/logger.hpp"
#include "prong/message/message_object.hpp"
#include "prong/message/register_exception.hpp"
#include "prong/process/duplex.hpp"
#include "prong/process/fork_server.hpp"
#include "prong/process/message_process.hpp"
#include "prong/process/spawn.hpp"
#include "prong/reply/future.hpp"
#include "prong/supervise/checkpoint.hpp"
#include "prong/supervise/supervisor.hpp"
#include "prong/supervise/supervisor_thread.hpp"
#include "prong/sync/event_group.hpp"
#include "prong/sync/sync_index.hpp"
