#include <check.h>
#include <stdlib.h>

#include "route/hash.h"
#include "route/murmur3.h"
#include "suites.h"

static struct digest *digest;

static void set_up(void)
{
	digest = digest_new();
}

static void tear_down(void)
{
	digest_free(digest);
}

static uint64_t hash_of(enum hash_kind kind, const char *key)
{
	return hash_key(kind, span_of(key), digest);
}

/* What libhashkit 1.1.4 answers, on a machine whose char is signed. */
static const enum hash_kind libhashkit_kinds[] = {
	HASH_MD5,	    HASH_FNV1A_64, HASH_FNV1_64, HASH_FNV1A_32, HASH_FNV1_32,
	HASH_ONE_AT_A_TIME, HASH_CRC32,	   HASH_MURMUR,	 HASH_JENKINS,	HASH_MURMUR3,
};
/* clang-format off */
static const struct {
	const char *key;
	uint32_t hashes[ARRAY_LEN(libhashkit_kinds)];
} libhashkit[] = {
	{"",
	 {0xd98c1dd4, 0x84222325, 0x84222325, 0x811c9dc5, 0x811c9dc5, 0x00000000, 0x00000000, 0x00000000, 0xdeadbefc, 0x00000000}},
	{"a",
	 {0xb975c10c, 0x8601ec8c, 0x8601b7be, 0xe40c292c, 0x050c5d7e, 0xca2e9442, 0x000068b7, 0x4b41757c, 0xe0a38690, 0x8872dbc8}},
	{"ab",
	 {0x43f47e18, 0xb545986a, 0xb4eb37b8, 0x4d2505ca, 0x70772d38, 0x45e61e58, 0x00001e83, 0xe3b54dfb, 0xc1b5695b, 0x820b9d10}},
	{"abc",
	 {0x98500190, 0x0541574b, 0x6bafadcb, 0x1a47e90b, 0x439c2f4b, 0xed131f5b, 0x00003524, 0x7b0cc428, 0x8f415600, 0x25d3a89a}},
	{"abcd",
	 {0x4c71fce2, 0xee0724dd, 0xfb844f95, 0xce3479bd, 0xb9de7375, 0xcd8b6206, 0x00006d82, 0xef6a86af, 0xd512151a, 0x0ac28782}},
	{"user:1000",
	 {0x2e986207, 0xae7b4289, 0xd39e3d21, 0x507c1d89, 0xa6affca1, 0xb563b74f, 0x00001f74, 0x8e24aec7, 0x048c4d84, 0x1f021164}},
	{"123456789",
	 {0x94e7f925, 0x23c6cdfc, 0x2bf916d6, 0xbb86b11c, 0x24148816, 0xc66b58c5, 0x00004bf4, 0xb7760690, 0x19777af6, 0x36ae260f}},
	{"twelve bytes",
	 {0x4ea91fc9, 0xce75b4bf, 0x73c7a79b, 0x1cbad0bf, 0xa7e9c29b, 0x9c1aa369, 0x000045bf, 0x3a2c84d5, 0x79f83762, 0x2bbaa15d}},
	{"thirteen byte",
	 {0xd2826b7c, 0x6e2e56e8, 0xe4fa57f6, 0xc1155ba8, 0x662e2216, 0xb36453ad, 0x00002133, 0xe40a0ae3, 0x5afd934a, 0x8b868142}},
	{"caf\xc3\xa9",
	 {0xe47f1107, 0xcef6bb89, 0x8a06fef1, 0x7572c049, 0xd682f171, 0xd99c709e, 0x000018ad, 0xda11981f, 0xcb6225ad, 0x235552a0}},
	{"\xff\x80\x7f",
	 {0x3bf244dd, 0x720040af, 0x6c127fdf, 0x9cdced6f, 0x30b30d1f, 0xde102744, 0x00003ae0, 0xd95850af, 0x1964a2b8, 0xbf887fc2}},
};
/* clang-format on */

START_TEST(agrees_with_libhashkit)
{
	for (size_t i = 0; i < ARRAY_LEN(libhashkit_kinds); i++)
		ck_assert_msg(hash_of(libhashkit_kinds[i], libhashkit[_i].key) ==
				      libhashkit[_i].hashes[i],
			      "%s of '%s'", hash_name(libhashkit_kinds[i]), libhashkit[_i].key);
}
END_TEST

/* Published test values, of the algorithms' authors or of the CRC catalogue. */
static const struct {
	enum hash_kind kind;
	const char *key;
	uint64_t hash;
} published[] = {
	{HASH_FNV1A_32, "foobar", 0xbf9cf968},
	{HASH_FNV1_32, "foobar", 0x31f0b262},
	{HASH_FNV1A_64, "foobar", 0xf73967e8}, /* the low half of 0x85944171f73967e8 */
	{HASH_FNV1_64, "foobar", 0xa4dda9c2},  /* of 0x340d8765a4dda9c2 */
	{HASH_CRC32A, "123456789", 0xcbf43926},
	{HASH_CRC32, "123456789", 0xcbf43926 >> 16 & 0x7fff},
	{HASH_CRC16, "123456789", 0x869031c3}, /* XMODEM's 0x31c3, and what nobody masked */
	{HASH_ONE_AT_A_TIME, "The quick brown fox jumps over the lazy dog", 0x519e91f5},
	{HASH_XXH3, "", 0x2d06800538d394c2},
	{HASH_HSIEH, "", 0},
};

START_TEST(agrees_with_the_published_values)
{
	ck_assert_uint_eq(hash_of(published[_i].kind, published[_i].key), published[_i].hash);
}
END_TEST

/* libhashkit is built without hsieh; these are what agrees with nutcracker's placements. */
static const struct {
	const char *key;
	uint32_t hash;
} hsieh[] = {
	{"a", 0x93642e87},	     {"ab", 0x5b8c0ec3},	   {"abc", 0xe5186b3a},
	{"abcd", 0x3ab452d8},	     {"user:1000", 0xddec1969},	   {"twelve bytes", 0x6fac6958},
	{"caf\xc3\xa9", 0xde3f8855}, {"\xff\x80\x7f", 0xcb8cbd91},
};

START_TEST(hashes_as_hsieh)
{
	ck_assert_uint_eq(hash_of(HASH_HSIEH, hsieh[_i].key), hsieh[_i].hash);
}
END_TEST

START_TEST(bytes_above_0x7f_are_negative)
{
	/* With an unsigned char it would be 0xcfa40d89. */
	ck_assert_uint_eq(hash_of(HASH_FNV1A_64, "caf\xc3\xa9"), 0xcef6bb89);
}
END_TEST

/* The 32-bit state loses nothing: it is the low half of the 64-bit hash of the same bytes. */
START_TEST(fnv1a_64_is_the_low_half_of_64_bits)
{
	const char *key = "session:abcdef";
	uint64_t h = 0xcbf29ce484222325;

	for (const char *p = key; *p != '\0'; p++)
		h = (h ^ (uint64_t)*p) * 0x100000001b3;
	ck_assert_uint_eq(hash_of(HASH_FNV1A_64, key), h & UINT32_MAX);
}
END_TEST

/* CRC tables against the definition, bit by bit. */
START_TEST(crc32_follows_its_polynomial)
{
	char byte = (char)_i;
	uint32_t crc = ~(uint32_t)(uint8_t)byte;

	for (int bit = 0; bit < 8; bit++)
		crc = crc & 1 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
	ck_assert_uint_eq(hash_key(HASH_CRC32A, span_make(&byte, 1), digest), ~crc);
}
END_TEST

START_TEST(crc16_follows_its_polynomial)
{
	char byte = (char)_i;
	uint32_t crc = (uint32_t)(uint8_t)byte << 8;

	for (int bit = 0; bit < 8; bit++)
		crc = crc & 0x8000 ? crc << 1 ^ 0x11021 : crc << 1;
	ck_assert_uint_eq(hash_key(HASH_CRC16, span_make(&byte, 1), digest), crc);
}
END_TEST

START_TEST(takes_empty_keys_and_zero_bytes)
{
	for (int kind = 0; kind < HASH_COUNT; kind++) {
		(void)hash_key((enum hash_kind)kind, span_make(NULL, 0), digest);
		ck_assert_uint_ne(hash_key((enum hash_kind)kind, span_make("a\0b\0c", 5), digest),
				  hash_key((enum hash_kind)kind, span_make("a\0b\0d", 5), digest));
	}
}
END_TEST

/* No hash may depend on where its key lies in memory; a read past its end is ASan's to find. */
START_TEST(does_not_depend_on_alignment)
{
	static const char key[] = "a key of thirty-one bytes length";

	for (size_t len = 0; len < sizeof(key); len++)
		for (size_t shift = 1; shift < 8; shift++) {
			char *copy = malloc(shift + len);

			ck_assert_ptr_nonnull(copy);
			memcpy(copy + shift, key, len);
			for (int kind = 0; kind < HASH_COUNT; kind++)
				ck_assert_uint_eq(hash_key((enum hash_kind)kind,
							   span_make(copy + shift, len), digest),
						  hash_key((enum hash_kind)kind,
							   span_make(key, len), digest));
			free(copy);
		}
}
END_TEST

/* Appleby's function from seed 0, and cut in two at each byte. */
START_TEST(murmur3_in_pieces_is_murmur3)
{
	static const char text[] = "The quick brown fox jumps over the lazy dog";

	for (size_t cut = 0; cut < sizeof(text); cut++) {
		struct murmur3 state = murmur3_start(0);

		murmur3_add(&state, span_make(text, cut));
		murmur3_add(&state, span_of(text + cut));
		ck_assert_uint_eq(murmur3_end(state), 0x2e4ff723);
	}
}
END_TEST

START_TEST(has_a_name_for_each_kind)
{
	ck_assert_str_eq(hash_name(HASH_FNV1A_64), "fnv1a_64");
	ck_assert_str_eq(hash_name(HASH_COUNT), "own");
	for (int i = 0; i < HASH_COUNT; i++)
		for (int j = 0; j < i; j++)
			ck_assert_str_ne(hash_name((enum hash_kind)i),
					 hash_name((enum hash_kind)j));
}
END_TEST

Suite *hash_suite(void)
{
	Suite *suite = suite_create("hash");
	TCase *tcase = tcase_create("hash");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, agrees_with_libhashkit, 0, ARRAY_LEN(libhashkit));
	tcase_add_loop_test(tcase, agrees_with_the_published_values, 0, ARRAY_LEN(published));
	tcase_add_loop_test(tcase, hashes_as_hsieh, 0, ARRAY_LEN(hsieh));
	tcase_add_test(tcase, bytes_above_0x7f_are_negative);
	tcase_add_test(tcase, fnv1a_64_is_the_low_half_of_64_bits);
	tcase_add_loop_test(tcase, crc32_follows_its_polynomial, 0, 256);
	tcase_add_loop_test(tcase, crc16_follows_its_polynomial, 0, 256);
	tcase_add_test(tcase, takes_empty_keys_and_zero_bytes);
	tcase_add_test(tcase, does_not_depend_on_alignment);
	tcase_add_test(tcase, murmur3_in_pieces_is_murmur3);
	tcase_add_test(tcase, has_a_name_for_each_kind);
	suite_add_tcase(suite, tcase);
	return suite;
}
