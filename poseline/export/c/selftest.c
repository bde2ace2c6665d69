#include "selftest.h"

#include <math.h>

#include "golden.h"
#include "poseline.h"

#ifdef SELFTEST_WITH_MODEL
#include "poseline_tflm.h"
#endif

#define PIXELS 0.01f      /* that a keypoint may be away */
#define CONFIDENCE 0.0001f /* that a confidence may be away */

static poseline_input_t input[POSELINE_INPUT_SIZE];
static poseline_person_t persons[POSELINE_MAX_PERSONS];

static poseline_picture_t picture(void)
{
    const poseline_picture_t golden = {golden_picture, GOLDEN_WIDTH, GOLDEN_HEIGHT,
                                       GOLDEN_WIDTH * POSELINE_INPUT_CHANNELS};

    return golden;
}

static int away(float found, float expected, float most)
{
    return (fabsf(found - expected) <= most) ? 0 : 1;
}

static int wrong_inputs(const poseline_input_t *found)
{
    int wrong = 0;

    for (size_t i = 0U; i < (size_t)GOLDEN_PLACES; i++) {
        wrong += away((float)found[golden_places[i]], (float)golden_input[i], GOLDEN_APART);
    }
    return wrong;
}

/* Compare the persons in an output with the golden ones; `pixels` and `confidence` are how far
 * a keypoint may be away. */
static int wrong_persons(const poseline_output_t *output, float pixels, float confidence)
{
    const poseline_picture_t golden = picture();
    size_t found = 0U;
    int wrong = 0;

    if ((poseline_postprocess(output, (size_t)POSELINE_OUTPUT_SIZE, persons,
                              (size_t)POSELINE_MAX_PERSONS, &found) != POSELINE_OK) ||
        (poseline_to_picture(&golden, persons, found) != POSELINE_OK) ||
        (found != (size_t)GOLDEN_PERSONS)) {
        wrong = 1;
    }
    for (size_t i = 0U; (i < found) && (wrong == 0); i++) {
        wrong += away(persons[i].score, golden_persons[i].score, confidence);
        for (size_t k = 0U; k < (size_t)POSELINE_KEYPOINTS; k++) {
            const poseline_keypoint_t *point = &persons[i].keypoints[k];
            const poseline_keypoint_t *expected = &golden_persons[i].keypoints[k];

            wrong += away(point->x, expected->x, pixels);
            wrong += away(point->y, expected->y, pixels);
            wrong += away(point->confidence, expected->confidence, confidence);
        }
    }
    return wrong;
}

int selftest_code(void)
{
    const poseline_picture_t golden = picture();
    int wrong = 0;

    if (poseline_preprocess(&golden, input, (size_t)POSELINE_INPUT_SIZE) != POSELINE_OK) {
        wrong = 1;
    } else {
        wrong = wrong_inputs(input) + wrong_persons(golden_output, PIXELS, CONFIDENCE);
    }
    return wrong;
}

#ifdef SELFTEST_WITH_MODEL
int selftest_model(void)
{
    const poseline_picture_t golden = picture();
    int wrong = 1;

    if ((poseline_tflm_begin() == 0) &&
        (poseline_preprocess(&golden, poseline_tflm_input(), (size_t)POSELINE_INPUT_SIZE) ==
         POSELINE_OK) &&
        (poseline_tflm_invoke() == 0)) {
        wrong = wrong_persons(poseline_tflm_output(), PIXELS, CONFIDENCE);
    }
    return wrong;
}
#endif
