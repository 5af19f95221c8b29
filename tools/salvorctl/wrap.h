/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Labelled text in lines that fit the terminal. Were the terminal to wrap them, a long text could begin a line in the
 * first column and pass for a label of ours.
 *
 * Thread: one. Ownership: everything is borrowed for the call.
 */
#ifndef SAL_SALVORCTL_WRAP_H
#define SAL_SALVORCTL_WRAP_H

#include <stddef.h>
#include <stdio.h>

enum { SAL_WRAP_LABEL_COLUMNS = 10, SAL_WRAP_MIN_COLUMNS = 40, SAL_WRAP_COLUMNS = 80 };

/* Columns of the stream's terminal, at least SAL_WRAP_MIN_COLUMNS; SAL_WRAP_COLUMNS when it is none or does not say. */
size_t sal_wrap_columns(FILE *stream);

/* Prints the lines of `text` in a harmless form (sal_safe_append), the first behind the label and the others below it.
 * A line that is too long goes on four columns further in, and ends in "\" where no space was to break at; one that
 * begins with "| " (after spaces) goes on behind "+ " and loses no space. A code point that is not ASCII counts as two
 * columns. */
void sal_wrap_put(FILE *stream, size_t columns, const char *label, const char *text);

#endif
