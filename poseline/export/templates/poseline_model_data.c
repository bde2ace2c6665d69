/* Generated from {name}. */
#include "poseline_model_data.h"

#if defined(__GNUC__) || defined(__clang__)
#define ALIGNED __attribute__((aligned(16)))
#else
#define ALIGNED /* place this array at a multiple of 16 bytes in your linker's script */
#endif

ALIGNED const uint8_t poseline_model_data[POSELINE_MODEL_BYTES] = {{
{data}
}};
