/* Whether the code does on this chip what it did in Python. */
#ifndef SELFTEST_H
#define SELFTEST_H

#ifdef __cplusplus
extern "C" {
#endif

/* Pre-process the golden picture and post-process the golden output. Returns how many values are
 * not as expected; 0 is a pass. */
int selftest_code(void);

#ifdef SELFTEST_WITH_MODEL
/* The same with the model between: its output in this chip's kernels. Needs ../tflm. */
int selftest_model(void);
#endif

#ifdef __cplusplus
}
#endif

#endif /* SELFTEST_H */
