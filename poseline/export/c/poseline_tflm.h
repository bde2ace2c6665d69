/* The model in TensorFlow Lite Micro. */
#ifndef POSELINE_TFLM_H
#define POSELINE_TFLM_H

#include "poseline.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Prepare the interpreter, once; 0: it is ready. */
int poseline_tflm_begin(void);

/* The input tensor, POSELINE_INPUT_SIZE values to write; it is overwritten by an inference. */
poseline_input_t *poseline_tflm_input(void);

/* Run the model; 0: the output is there. */
int poseline_tflm_invoke(void);

/* The output tensor, POSELINE_OUTPUT_SIZE values. */
const poseline_output_t *poseline_tflm_output(void);

#ifdef __cplusplus
}
#endif

#endif /* POSELINE_TFLM_H */
