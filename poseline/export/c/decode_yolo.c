/* Several persons: YOLOv8-pose puts out for each box its centre x, centre y, width, height and score,
 * then x, y and confidence of each keypoint. The best box is kept and those that overlap with it
 * are dropped, until no box or no room is left. Where the model has dropped them itself, it puts out
 * corners and a class, too, and every box that is sure enough is kept. */
#include <math.h>

#include "poseline_internal.h"

#define FIRST_POINT ((size_t)POSELINE_VALUES_PER_BOX - (3U * (size_t)POSELINE_KEYPOINTS))

static float entry(const poseline_output_t *output, size_t value, size_t box)
{
    return poseline_real(
        output[(value * (size_t)POSELINE_VALUE_STRIDE) + (box * (size_t)POSELINE_BOX_STRIDE)]);
}

#if POSELINE_SUPPRESSED == 0
typedef struct {
    double x;
    double y;
    double width;
    double height;
} box_t;

static box_t box_of(const poseline_output_t *output, size_t box)
{
    const float width = entry(output, 2U, box);
    const float height = entry(output, 3U, box);
    box_t result = {0.0, 0.0, 0.0, 0.0};

    result.x = (double)(entry(output, 0U, box) - (width / 2.0f));
    result.y = (double)(entry(output, 1U, box) - (height / 2.0f));
    result.width = (double)width;
    result.height = (double)height;
    return result;
}

static double shared(double first, double first_length, double second, double second_length)
{
    const double begin = (first > second) ? first : second;
    const double first_end = first + first_length;
    const double second_end = second + second_length;
    const double end = (first_end < second_end) ? first_end : second_end;

    return end - begin;
}

/* Intersection over union; 1 of two boxes without area. */
static float overlap(const box_t *one, const box_t *other)
{
    const double areas = (one->width * one->height) + (other->width * other->height);
    const double width = shared(one->x, one->width, other->x, other->width);
    const double height = shared(one->y, one->height, other->y, other->height);
    float result = 1.0f;

    if (areas > 2.2204460492503131e-16) {
        const double both = ((width > 0.0) && (height > 0.0)) ? (width * height) : 0.0;

        result = 1.0f - (float)(1.0 - (both / (areas - both)));
    }
    return result;
}

#endif

static void set(uint8_t *flags, size_t box)
{
    flags[box / 8U] = (uint8_t)(flags[box / 8U] | (uint8_t)(1U << (box % 8U)));
}

static int is_set(const uint8_t *flags, size_t box)
{
    return ((flags[box / 8U] & (uint8_t)(1U << (box % 8U))) != 0U) ? 1 : 0;
}

/* Return the best box that is not dropped; POSELINE_BOXES where none is left. */
static size_t best_of(const poseline_output_t *output, const uint8_t *dropped)
{
    size_t best = (size_t)POSELINE_BOXES;
    float highest = 0.0f;

    for (size_t box = 0U; box < (size_t)POSELINE_BOXES; box++) {
        if (is_set(dropped, box) == 0) {
            const float score = entry(output, 4U, box);

            if ((best == (size_t)POSELINE_BOXES) || (score > highest)) {
                best = box;
                highest = score;
            }
        }
    }
    return best;
}

static void write_person(const poseline_output_t *output, size_t box, float size_x, float size_y,
                         poseline_person_t *person)
{
    person->score = entry(output, 4U, box);
    for (size_t k = 0U; k < (size_t)POSELINE_KEYPOINTS; k++) {
        poseline_keypoint_t *point = &person->keypoints[k];

        point->x = entry(output, FIRST_POINT + (3U * k), box) / size_x;
        point->y = entry(output, FIRST_POINT + 1U + (3U * k), box) / size_y;
        point->confidence = entry(output, FIRST_POINT + 2U + (3U * k), box);
    }
}

static int is_kept(float score)
{
#if POSELINE_SUPPRESSED == 0
    return (score > POSELINE_PERSON_THRESHOLD) ? 1 : 0;
#else
    return (score >= POSELINE_PERSON_THRESHOLD) ? 1 : 0;
#endif
}

/* Drop what is below the threshold, and tell whether the rest is in pixels. */
static int begin(const poseline_output_t *output, uint8_t *dropped)
{
    int pixels = 0;

    for (size_t box = 0U; box < (size_t)POSELINE_BOXES; box++) {
        const float score = entry(output, 4U, box);

        if (is_kept(score) == 0) {
            set(dropped, box);
        }
        for (size_t side = 0U; (side < 4U) && (score >= POSELINE_PERSON_THRESHOLD); side++) {
            pixels = (fabsf(entry(output, side, box)) > 2.0f) ? 1 : pixels;
        }
    }
    return pixels;
}

#if POSELINE_SUPPRESSED == 0
static void drop_overlapping(const poseline_output_t *output, size_t best, uint8_t *dropped)
{
    const box_t kept = box_of(output, best);

    for (size_t box = 0U; box < (size_t)POSELINE_BOXES; box++) {
        if (is_set(dropped, box) == 0) {
            const box_t other = box_of(output, box);

            if (overlap(&kept, &other) > POSELINE_NMS_THRESHOLD) {
                set(dropped, box);
            }
        }
    }
}
#endif

size_t poseline_decode(const poseline_output_t *output, poseline_person_t *persons, size_t room)
{
    uint8_t dropped[(POSELINE_BOXES + 7) / 8] = {0U};
    const int pixels = begin(output, dropped);
    const float size_x = (pixels != 0) ? (float)POSELINE_INPUT_WIDTH : 1.0f;
    const float size_y = (pixels != 0) ? (float)POSELINE_INPUT_HEIGHT : 1.0f;
    size_t found = 0U;
    size_t best = best_of(output, dropped);

    while ((found < room) && (best < (size_t)POSELINE_BOXES)) {
        write_person(output, best, size_x, size_y, &persons[found]);
        found++;
        set(dropped, best);
#if POSELINE_SUPPRESSED == 0
        drop_overlapping(output, best, dropped);
#endif
        best = best_of(output, dropped);
    }
    return found;
}
