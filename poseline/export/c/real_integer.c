#include "poseline_internal.h"

float poseline_real(poseline_output_t value)
{
    return (float)((int32_t)value - POSELINE_OUTPUT_ZERO_POINT) * POSELINE_OUTPUT_SCALE;
}
