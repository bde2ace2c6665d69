#include "poseline_internal.h"

#define LARGEST 1e9f /* what is beyond is no coordinate and no confidence */

float poseline_real(poseline_output_t value)
{
    const int usable = (value >= -LARGEST) && (value <= LARGEST);

    return (usable != 0) ? value : 0.0f;
}
