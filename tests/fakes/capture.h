/* SPDX-License-Identifier: BSD-3-Clause */
/* What the code under test prints. Nothing may be asserted while it is on: the
 * failure would not be seen. */
#ifndef VIREO_FAKE_CAPTURE_H
#define VIREO_FAKE_CAPTURE_H

#define CAPTURE_SIZE 65536

struct capture {
	int saved[3]; /* by descriptor */
	int file[3];
	char out[CAPTURE_SIZE]; /* after capture_end() */
	char err[CAPTURE_SIZE];
};

void capture_begin(struct capture *c);
void capture_end(struct capture *c);

#endif
