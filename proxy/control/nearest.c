#include "control/nearest.h"

#include <ctype.h>

static size_t min_of(size_t a, size_t b)
{
	return a < b ? a : b;
}

static int lower(char c)
{
	return tolower((unsigned char)c);
}

/* One cell: rows are of a, columns of b; rows[0] is the current row, [1] and [2] those before. */
static size_t cell(const char *a, const char *b, size_t i, size_t j,
		   size_t rows[3][NEAREST_WORD_MAX + 1])
{
	size_t change = lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1;
	size_t best = min_of(rows[1][j] + 1, rows[0][j - 1] + 1);

	best = min_of(best, rows[1][j - 1] + change);
	if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
	    lower(a[i - 2]) == lower(b[j - 1]))
		best = min_of(best, rows[2][j - 2] + 1);
	return best;
}

/* Optimal string alignment distance, with three rows of the table kept. */
static size_t distance(const char *a, const char *b, size_t a_len, size_t b_len)
{
	size_t rows[3][NEAREST_WORD_MAX + 1];

	for (size_t j = 0; j <= b_len; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		memcpy(rows[2], rows[1], sizeof(rows[2]));
		memcpy(rows[1], rows[0], sizeof(rows[1]));
		rows[0][0] = i;
		for (size_t j = 1; j <= b_len; j++)
			rows[0][j] = cell(a, b, i, j, rows);
	}
	return rows[0][b_len];
}

void nearest_offer(struct nearest *nearest, struct span candidate)
{
	size_t word_len = strlen(nearest->word);

	if (word_len > NEAREST_WORD_MAX || candidate.len > NEAREST_WORD_MAX)
		return;
	size_t d = distance(nearest->word, candidate.p, word_len, candidate.len);
	size_t allowed = word_len < 3 ? 1 : (word_len + 2) / 3;
	if (d > allowed || d >= candidate.len)
		return;
	if (nearest->best[0] != '\0' && d >= nearest->best_distance)
		return;
	memcpy(nearest->best, candidate.p, candidate.len);
	nearest->best[candidate.len] = '\0';
	nearest->best_distance = d;
}
