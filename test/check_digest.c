#include <check.h>
#include <stdio.h>

#include "base/digest.h"
#include "suites.h"

/* RFC 1321, A.5 and RFC 3174, 7.3. */
static const struct {
	const char *in, *md5, *sha1;
} vectors[] = {
	{"", "d41d8cd98f00b204e9800998ecf8427e", "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
	{"abc", "900150983cd24fb0d6963f7d28e17f72", "a9993e364706816aba3e25717850c26c9cd0d89d"},
	{"message digest", "f96b697d7cb7938d525a2f31aaf161d0",
	 "c12252ceda8be8994d5fa0290a47231c1d16aae3"},
	{"\xff\x80", "8a72eb04e26e12be58f5dee1e5280efd",
	 "2f52fa98aee1519d88a09e5019f4186aa4ba767a"},
};

static void check_hex(const uint8_t *bytes, size_t n, const char *hex)
{
	char text[2 * DIGEST_SHA1_LEN + 1];

	for (size_t i = 0; i < n; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	ck_assert_str_eq(text, hex);
}

/* One context serves all, so each use must leave nothing behind for the next. */
START_TEST(agrees_with_the_standards)
{
	struct digest *digest = digest_new();
	uint8_t md5[DIGEST_MD5_LEN], sha1[DIGEST_SHA1_LEN];

	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
			digest_md5(digest, span_of(vectors[i].in), md5);
			check_hex(md5, sizeof(md5), vectors[i].md5);
			digest_sha1(digest, span_of(vectors[i].in), sha1);
			check_hex(sha1, sizeof(sha1), vectors[i].sha1);
		}
	digest_free(digest);
}
END_TEST

START_TEST(takes_an_empty_span_without_bytes)
{
	struct digest *digest = digest_new();
	uint8_t md5[DIGEST_MD5_LEN];

	digest_md5(digest, span_make(NULL, 0), md5);
	check_hex(md5, sizeof(md5), vectors[0].md5);
	digest_free(digest);
	digest_free(NULL);
}
END_TEST

Suite *digest_suite(void)
{
	Suite *suite = suite_create("digest");
	TCase *tcase = tcase_create("digest");

	tcase_add_test(tcase, agrees_with_the_standards);
	tcase_add_test(tcase, takes_an_empty_span_without_bytes);
	suite_add_tcase(suite, tcase);
	return suite;
}
