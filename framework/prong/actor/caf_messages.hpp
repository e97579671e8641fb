// Prong's types as CAF messages within one process. Over a network only their bytes travel.
#pragma once

#include "prong/message/message_object.hpp"

#include <caf/allowed_unsafe_message_type.hpp>

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(prong::MessageObject)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(prong::Value)
