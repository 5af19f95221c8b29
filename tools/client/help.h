/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Help in lines that fit a terminal of 80 columns. The texts are the program's own, and so harmless; a code
 * point that is not ASCII counts as many columns as it has bytes.
 *
 * Thread: one. Ownership: everything is borrowed for the call.
 */
#ifndef SAL_CLIENT_HELP_H
#define SAL_CLIENT_HELP_H

#include <stddef.h>
#include <stdio.h>

enum { SAL_HELP_COLUMNS = 80 };

/* "  left", then `text` from `column` on; what does not fit goes on below it. A `left` that reaches into the column has
 * two spaces behind it. */
void sal_help_row(FILE *stream, size_t column, const char *left, const char *text);
/* Lines of text, each broken between words. One with two spaces in it is a row of a list: it goes on below what stands
 * behind them. Ends in a newline. */
void sal_help_text(FILE *stream, const char *text);

#endif
