/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/nickname.h"

#include "base/core/random.h"

#include <stdint.h>
#include <stdio.h>

#define TRIES 8	     /* in vain, until one more digit follows */
#define DIGITS_MAX 9 /* what 32 bits hold */

/* Of ten letters at the most: with all digits a name is a label of DNS. */
/* clang-format off */
static const char *const adjectives[] = {
    "airy", "amber", "ample", "ancient", "arctic", "autumn", "azure", "balmy", "bright", "brisk", "bronze",
    "candid", "cedar", "chalky", "chestnut", "citrus", "clear", "cloudy", "coastal", "cobalt", "copper",
    "coral", "cosy", "crimson", "crisp", "curly", "damp", "dapper", "deep", "distant", "dusky", "dusty",
    "early", "earthy", "ebony", "emerald", "evening", "fabled", "fair", "fleet", "floral", "fluffy", "foggy",
    "fresh", "frugal", "gentle", "gilded", "glassy", "golden", "grand", "green", "hardy", "hazel", "hidden",
    "hollow", "honest", "humble", "indigo", "inland", "ivory", "jade", "lasting", "late", "leafy", "level",
    "light", "lilac", "little", "lofty", "lunar", "maple", "marine", "mellow", "merry", "mild", "misty",
    "mossy", "neat", "nimble", "noble", "northern", "oaken", "olive", "opal", "orange", "pale", "patient",
    "pearly", "plain", "plucky", "polar", "proud", "quick", "quiet", "rainy", "rapid", "ready", "regal", "ripe",
    "robust", "rocky", "rosy", "round", "royal", "ruby", "rustic", "sable", "salty", "sandy", "scarlet",
    "shady", "shiny", "silent", "silver", "simple", "sleek", "slender", "smooth", "snowy", "snug", "soft",
    "solar", "solid", "southern", "spare", "speckled", "spry", "stable", "starry", "steady", "stout", "striped",
    "sturdy", "summer", "sunny", "supple", "swift", "tall", "tangy", "tawny", "teal", "tidal", "tidy", "timber",
    "topaz", "tranquil", "tropic", "true", "twilit", "umber", "valiant", "velvet", "verdant", "violet", "warm",
    "wavy", "western", "whole", "wild", "windy", "winter", "woven", "young",
};
static const char *const nouns[] = {
    "acorn", "albatross", "alder", "almanac", "anchor", "antler", "apple", "apricot", "arch", "aspen", "atoll",
    "avocet", "badger", "bamboo", "barge", "basalt", "basin", "basket", "bay", "beacon", "beaver", "beech",
    "bell", "birch", "bison", "bluff", "boulder", "bramble", "breeze", "bridge", "brook", "buoy", "cabin",
    "canal", "canoe", "canyon", "cape", "castle", "cavern", "cello", "channel", "cherry", "chime", "cliff",
    "clover", "cobble", "comet", "compass", "condor", "cove", "crab", "crane", "crater", "creek", "cricket",
    "curlew", "current", "cypress", "daisy", "dale", "delta", "dolphin", "dory", "dove", "drake", "dune",
    "eagle", "eddy", "egret", "eider", "elk", "elm", "ember", "falcon", "feather", "fern", "ferry", "field",
    "finch", "fjord", "flint", "forest", "fountain", "fox", "galleon", "garden", "gate", "geyser", "glacier",
    "glade", "goose", "gorge", "granite", "grotto", "grove", "gull", "harbour", "hare", "hawk", "heath",
    "hedge", "heron", "hill", "horizon", "ibis", "inlet", "iris", "island", "ivy", "jetty", "juniper", "kayak",
    "keel", "kelp", "kestrel", "kettle", "kite", "lagoon", "lake", "lantern", "lark", "laurel", "ledge",
    "lemon", "lichen", "lily", "linden", "linnet", "lobster", "lotus", "lynx", "magnet", "maple", "marsh",
    "marten", "mast", "meadow", "mill", "mole", "moon", "moose", "moss", "moth", "mussel", "narwhal", "nectar",
    "nest", "newt", "oak", "oar", "oasis", "orchard", "orchid", "osprey", "otter", "owl", "oyster", "paddle",
    "pagoda", "palm", "peach", "pebble", "pelican", "peony", "petal", "pier", "pike", "pillar", "pine",
    "plover", "plum", "pond", "poplar", "poppy", "prairie", "puffin", "quarry", "quartz", "quay", "quill",
    "raft", "rain", "raven", "reed", "reef", "ridge", "river", "robin", "rook", "rudder", "sail", "salmon",
    "sandbar", "schooner", "seal", "shell", "shore", "shrew", "skiff", "slate", "sloop", "sparrow", "spruce",
    "squall", "starling", "stork", "stream", "summit", "swallow", "swan", "teapot", "tern", "thistle", "thrush",
    "tide", "trout", "tulip", "tundra", "turtle", "valley", "vessel", "violin", "vole", "walnut", "walrus",
    "warbler", "wave", "wharf", "willow", "wren", "yacht", "yarrow", "zephyr",
};
/* clang-format on */

/* Below limit, each about as likely as the others. */
static uint32_t dice(uint32_t limit)
{
	uint32_t r;

	random_bytes(&r, sizeof r);
	return r % limit;
}

void nickname_make(char name[NICKNAME_SIZE], unsigned digits, bool (*taken)(void *ctx, const char *name), void *ctx)
{
	for (unsigned tries = 0;; tries++) {
		unsigned wanted = digits + tries / TRIES;
		uint32_t limit = 1;
		int n = snprintf(name, NICKNAME_SIZE, "%s_%s", adjectives[dice(sizeof adjectives / sizeof *adjectives)],
				 nouns[dice(sizeof nouns / sizeof *nouns)]);

		if (wanted > DIGITS_MAX)
			wanted = DIGITS_MAX;
		for (unsigned i = 0; i < wanted; i++)
			limit *= 10;
		if (wanted > 0)
			snprintf(name + n, NICKNAME_SIZE - (size_t)n, "%0*u", (int)wanted, (unsigned)dice(limit));
		if (!taken(ctx, name))
			return;
	}
}
