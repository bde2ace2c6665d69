/* Each pixel of the input is the mean of the picture under it. */
#include "poseline_internal.h"

/* Overlap of the pixel `from_at` of `from` with the pixel `to_at` of `to`, along an axis on which
 * both cover from * to units. */
static uint64_t overlap(int32_t from_at, int32_t from, int32_t to_at, int32_t to)
{
    const int32_t begin = ((from_at * to) > (to_at * from)) ? (from_at * to) : (to_at * from);
    const int32_t from_end = (from_at + 1) * to;
    const int32_t to_end = (to_at + 1) * from;
    const int32_t end = (from_end < to_end) ? from_end : to_end;

    return (uint64_t)(uint32_t)(end - begin);
}

static uint8_t mean(const poseline_picture_t *picture, const poseline_place_t *place, int32_t row,
                    int32_t column, size_t channel)
{
    const int32_t top = (row * picture->height) / place->height;
    const int32_t bottom = (((row + 1) * picture->height) - 1) / place->height;
    const int32_t left = (column * picture->width) / place->width;
    const int32_t right = (((column + 1) * picture->width) - 1) / place->width;
    const uint64_t whole = (uint64_t)(uint32_t)picture->width * (uint64_t)(uint32_t)picture->height;
    uint64_t sum = 0U;

    for (int32_t y = top; y <= bottom; y++) {
        const uint8_t *line = &picture->pixels[(size_t)y * (size_t)picture->stride];
        const uint64_t high = overlap(y, picture->height, row, place->height);

        for (int32_t x = left; x <= right; x++) {
            const size_t at = ((size_t)x * (size_t)POSELINE_INPUT_CHANNELS) + channel;
            const uint64_t wide = overlap(x, picture->width, column, place->width);

            sum += high * wide * (uint64_t)line[at];
        }
    }
    return (uint8_t)(((2U * sum) + whole) / (2U * whole));
}

void poseline_resize(const poseline_picture_t *picture, const poseline_place_t *place,
                     poseline_input_t *input)
{
    for (int32_t row = 0; row < place->height; row++) {
        for (int32_t column = 0; column < place->width; column++) {
            const size_t to = poseline_at(place, row, column);

            for (size_t c = 0U; c < (size_t)POSELINE_INPUT_CHANNELS; c++) {
                input[to + c] = poseline_input_table[mean(picture, place, row, column, c)];
            }
        }
    }
}
