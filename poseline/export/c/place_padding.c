/* The picture keeps its aspect ratio and is centred on black. */
#include "poseline_internal.h"

/* Whole pixels, rounded down; the tiny term keeps 192 from becoming 191.99.... */
static int32_t side(int32_t picture_side, double ratio, int32_t limit)
{
    const int32_t whole = (int32_t)(((double)picture_side / ratio) + 1e-6);
    int32_t result = whole;

    if (whole < 1) {
        result = 1;
    } else if (whole > limit) {
        result = limit;
    } else {
        result = whole;
    }
    return result;
}

poseline_place_t poseline_placed(const poseline_picture_t *picture)
{
    const double ratio_x = (double)picture->width / (double)POSELINE_INPUT_WIDTH;
    const double ratio_y = (double)picture->height / (double)POSELINE_INPUT_HEIGHT;
    const double ratio = (ratio_x > ratio_y) ? ratio_x : ratio_y;
    poseline_place_t place = {0, 0, 0, 0};

    place.width = side(picture->width, ratio, POSELINE_INPUT_WIDTH);
    place.height = side(picture->height, ratio, POSELINE_INPUT_HEIGHT);
    place.left = (POSELINE_INPUT_WIDTH - place.width) / 2;
    place.top = (POSELINE_INPUT_HEIGHT - place.height) / 2;
    return place;
}
