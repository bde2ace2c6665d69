/* The picture fills the input, whatever its aspect ratio. */
#include "poseline_internal.h"

poseline_place_t poseline_placed(const poseline_picture_t *picture)
{
    const poseline_place_t place = {0, 0, POSELINE_INPUT_WIDTH, POSELINE_INPUT_HEIGHT};

    (void)picture;
    return place;
}
