/* Each pixel of the input is the one of the picture that its centre lies in. */
#include "poseline_internal.h"

static int32_t nearest(int32_t position, int32_t from, int32_t to)
{
    return (((2 * position) + 1) * from) / (2 * to);
}

void poseline_resize(const poseline_picture_t *picture, const poseline_place_t *place,
                     poseline_input_t *input)
{
    for (int32_t row = 0; row < place->height; row++) {
        const int32_t y = nearest(row, picture->height, place->height);
        const uint8_t *line = &picture->pixels[(size_t)y * (size_t)picture->stride];

        for (int32_t column = 0; column < place->width; column++) {
            const int32_t x = nearest(column, picture->width, place->width);
            const size_t from = (size_t)x * (size_t)POSELINE_INPUT_CHANNELS;
            const size_t to = poseline_at(place, row, column);

            for (size_t c = 0U; c < (size_t)POSELINE_INPUT_CHANNELS; c++) {
                input[to + c] = poseline_input_table[line[from + c]];
            }
        }
    }
}
