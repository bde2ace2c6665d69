/* Bilinear, in the fixed point that the training's resizing has: 11 bits a weight. */
#include <math.h>

#include "poseline_internal.h"

#define ONE 2048

/* Two neighbours along an axis and their weights. */
typedef struct {
    int32_t first;
    int32_t second;
    int32_t weight_first;
    int32_t weight_second;
} pair_t;

static int32_t limited(int32_t position, int32_t side)
{
    int32_t result = position;

    if (position < 0) {
        result = 0;
    } else if (position >= side) {
        result = side - 1;
    } else {
        result = position;
    }
    return result;
}

static pair_t neighbours(int32_t position, int32_t from, int32_t to)
{
    const double scale = (double)from / (double)to;
    const float exact = (float)((((double)position + 0.5) * scale) - 0.5);
    const float below = floorf(exact);
    const float share = exact - below;
    const int32_t index = (int32_t)below;
    pair_t pair = {0, 0, 0, 0};

    pair.first = limited(index, from);
    pair.second = limited(index + 1, from);
    pair.weight_first = (int32_t)rintf((1.0f - share) * (float)ONE);
    pair.weight_second = (int32_t)rintf(share * (float)ONE);
    return pair;
}

static int32_t across(const uint8_t *line, const pair_t *x, size_t channel)
{
    const size_t channels = (size_t)POSELINE_INPUT_CHANNELS;
    const int32_t first = (int32_t)line[((size_t)x->first * channels) + channel];
    const int32_t second = (int32_t)line[((size_t)x->second * channels) + channel];

    return (first * x->weight_first) + (second * x->weight_second);
}

/* The mean of 2 x 2 pixels, which is what halving both sides comes to. */
static uint8_t halved(const uint8_t *upper, const uint8_t *lower, size_t place)
{
    const size_t next = place + (size_t)POSELINE_INPUT_CHANNELS;
    const uint32_t sum = (uint32_t)upper[place] + (uint32_t)upper[next] + (uint32_t)lower[place] +
                         (uint32_t)lower[next];

    return (uint8_t)((sum + 2U) / 4U);
}

static uint8_t mixed(const uint8_t *upper, const uint8_t *lower, const pair_t *x, const pair_t *y,
                     size_t channel)
{
    const uint32_t above = (uint32_t)across(upper, x, channel) / 16U;
    const uint32_t beneath = (uint32_t)across(lower, x, channel) / 16U;
    const uint32_t sum = (((uint32_t)y->weight_first * above) / 65536U) +
                         (((uint32_t)y->weight_second * beneath) / 65536U);

    return (uint8_t)((sum + 2U) / 4U);
}

void poseline_resize(const poseline_picture_t *picture, const poseline_place_t *place,
                     poseline_input_t *input)
{
    const int halves = (picture->width == (2 * place->width)) &&
                       (picture->height == (2 * place->height));

    for (int32_t row = 0; row < place->height; row++) {
        const pair_t y = neighbours(row, picture->height, place->height);
        const uint8_t *upper = &picture->pixels[(size_t)y.first * (size_t)picture->stride];
        const uint8_t *lower = &picture->pixels[(size_t)y.second * (size_t)picture->stride];

        for (int32_t column = 0; column < place->width; column++) {
            const pair_t x = neighbours(column, picture->width, place->width);
            const size_t to = poseline_at(place, row, column);

            for (size_t c = 0U; c < (size_t)POSELINE_INPUT_CHANNELS; c++) {
                const size_t from = ((size_t)x.first * (size_t)POSELINE_INPUT_CHANNELS) + c;
                const uint8_t value = (halves != 0) ? halved(upper, lower, from)
                                                    : mixed(upper, lower, &x, &y, c);

                input[to + c] = poseline_input_table[value];
            }
        }
    }
}
