/* SPDX-License-Identifier: Apache-2.0 */
#include "node/net/wall_code.h"

#include "base/core/buf.h"
#include "node/net/nl.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>

static const uint8_t families[] = {NFPROTO_INET, NFPROTO_BRIDGE};

/* ---- messages ---- */

static size_t begin(struct wall_batch *w, uint16_t type, uint16_t flags, uint8_t family)
{
	size_t at = nl_begin(w->b, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags, w->seq++);
	const struct nfgenmsg head = {.nfgen_family = family, .version = NFNETLINK_V0};

	nl_raw(w->b, &head, sizeof head);
	return at;
}

static void edge(struct wall_batch *w, uint16_t type)
{
	size_t at = nl_begin(w->b, type, 0, w->seq++);
	const struct nfgenmsg head = {.version = NFNETLINK_V0, .res_id = htons(NFNL_SUBSYS_NFTABLES)};

	nl_raw(w->b, &head, sizeof head);
	nl_finish(w->b, at);
}

void wall_begin(struct wall_batch *w, struct buf *b, const char *table, const char *owner)
{
	*w = (struct wall_batch){.b = b, .seq = 1, .table = table, .owner = owner};
	edge(w, NFNL_MSG_BATCH_BEGIN);
}

void wall_end(struct wall_batch *w)
{
	edge(w, NFNL_MSG_BATCH_END);
}

static void put_table(struct wall_batch *w, uint8_t family, uint16_t flags)
{
	size_t at = begin(w, NFT_MSG_NEWTABLE, NLM_F_CREATE | flags, family);
	char label[WALL_LABEL_MAX];

	snprintf(label, sizeof label, WALL_VERSION " %s", w->owner);
	nl_str(w->b, NFTA_TABLE_NAME, w->table);
	nl_str(w->b, NFTA_TABLE_USERDATA, label);
	nl_finish(w->b, at);
}

void wall_put_away(struct wall_batch *w)
{
	for (size_t i = 0; i < sizeof families; i++) {
		size_t at;

		/* One that is made, or was there, can be removed. */
		put_table(w, families[i], 0);
		at = begin(w, NFT_MSG_DELTABLE, 0, families[i]);
		nl_str(w->b, NFTA_TABLE_NAME, w->table);
		nl_finish(w->b, at);
	}
}

void wall_put_question(struct buf *b, uint8_t family, const char *table)
{
	struct wall_batch w = {.b = b, .seq = 1};
	size_t at = begin(&w, NFT_MSG_GETTABLE, 0, family);

	nl_str(b, NFTA_TABLE_NAME, table);
	nl_finish(b, at);
}

void wall_put_question_all(struct buf *b, uint8_t family)
{
	struct wall_batch w = {.b = b, .seq = 1};
	size_t at = begin(&w, NFT_MSG_GETTABLE, NLM_F_DUMP, family);

	nl_finish(b, at);
}

static void put_set(struct wall_batch *w, uint32_t id)
{
	const struct wall_set *s = &wall_sets[id];
	size_t at = begin(w, NFT_MSG_NEWSET, NLM_F_CREATE, s->family);

	nl_str(w->b, NFTA_SET_TABLE, w->table);
	nl_str(w->b, NFTA_SET_NAME, s->name);
	nl_be32(w->b, NFTA_SET_ID, id + 1);
	nl_be32(w->b, NFTA_SET_FLAGS, s->data_len ? NFT_SET_MAP : 0);
	nl_be32(w->b, NFTA_SET_KEY_TYPE, s->key_type);
	nl_be32(w->b, NFTA_SET_KEY_LEN, s->key_len);
	if (s->data_len) {
		nl_be32(w->b, NFTA_SET_DATA_TYPE, s->data_type);
		nl_be32(w->b, NFTA_SET_DATA_LEN, s->data_len);
	}
	nl_finish(w->b, at);
}

static void put_chain(struct wall_batch *w, const struct wall_chain *c)
{
	size_t hook, at = begin(w, NFT_MSG_NEWCHAIN, NLM_F_CREATE, c->family);

	nl_str(w->b, NFTA_CHAIN_TABLE, w->table);
	nl_str(w->b, NFTA_CHAIN_NAME, c->name);
	hook = nl_nest(w->b, NFTA_CHAIN_HOOK);
	nl_be32(w->b, NFTA_HOOK_HOOKNUM, c->hook);
	nl_be32(w->b, NFTA_HOOK_PRIORITY, (uint32_t)c->priority);
	nl_end(w->b, hook);
	nl_str(w->b, NFTA_CHAIN_TYPE, c->type);
	nl_be32(w->b, NFTA_CHAIN_POLICY, NF_ACCEPT);
	nl_finish(w->b, at);
}

/* ---- rules ---- */

static uint32_t reg(unsigned n)
{
	return NFT_REG32_00 + n;
}

static void put_data(struct buf *b, uint16_t type, const void *data, size_t n)
{
	size_t nest = nl_nest(b, type);

	nl_put(b, NFTA_DATA_VALUE, data, n);
	nl_end(b, nest);
}

static void put_meta(struct buf *b, const struct wall_op *op)
{
	nl_be32(b, NFTA_META_DREG, reg(op->to));
	nl_be32(b, NFTA_META_KEY, op->key);
}

static void put_ct(struct buf *b, const struct wall_op *op)
{
	nl_be32(b, NFTA_CT_DREG, reg(op->to));
	nl_be32(b, NFTA_CT_KEY, op->key);
}

static void put_payload(struct buf *b, const struct wall_op *op)
{
	nl_be32(b, NFTA_PAYLOAD_DREG, reg(op->to));
	nl_be32(b, NFTA_PAYLOAD_BASE, op->base);
	nl_be32(b, NFTA_PAYLOAD_OFFSET, op->offset);
	nl_be32(b, NFTA_PAYLOAD_LEN, op->n);
}

static void put_cmp(struct buf *b, const struct wall_op *op)
{
	nl_be32(b, NFTA_CMP_SREG, reg(op->at));
	nl_be32(b, NFTA_CMP_OP, op->kind == WALL_IS ? NFT_CMP_EQ : NFT_CMP_NEQ);
	if (op->n)
		put_data(b, NFTA_CMP_DATA, op->data, op->n);
	else
		put_data(b, NFTA_CMP_DATA, &op->word, sizeof op->word);
}

static void put_bits(struct buf *b, const struct wall_op *op)
{
	static const uint32_t zero;

	nl_be32(b, NFTA_BITWISE_SREG, reg(op->at));
	nl_be32(b, NFTA_BITWISE_DREG, reg(op->at));
	nl_be32(b, NFTA_BITWISE_LEN, sizeof op->word);
	put_data(b, NFTA_BITWISE_MASK, &op->word, sizeof op->word);
	put_data(b, NFTA_BITWISE_XOR, &zero, sizeof zero);
}

static void put_lookup(struct buf *b, const struct wall_op *op)
{
	nl_str(b, NFTA_LOOKUP_SET, wall_sets[op->set].name);
	nl_be32(b, NFTA_LOOKUP_SREG, reg(op->at));
	if (op->kind == WALL_MAP)
		nl_be32(b, NFTA_LOOKUP_DREG, reg(op->to));
	if (op->kind == WALL_NOT_IN)
		nl_be32(b, NFTA_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
}

static void put_fib(struct buf *b, const struct wall_op *op)
{
	nl_be32(b, NFTA_FIB_DREG, reg(op->to));
	nl_be32(b, NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
	nl_be32(b, NFTA_FIB_FLAGS, op->key);
}

static void put_nat(struct buf *b, const struct wall_op *op)
{
	unsigned words = op->key == NFPROTO_IPV4 ? 1 : 4;

	nl_be32(b, NFTA_NAT_TYPE, NFT_NAT_DNAT);
	nl_be32(b, NFTA_NAT_FAMILY, op->key);
	nl_be32(b, NFTA_NAT_REG_ADDR_MIN, reg(op->at));
	nl_be32(b, NFTA_NAT_REG_PROTO_MIN, reg(op->at + words));
}

static void put_nothing(struct buf *b, const struct wall_op *op)
{
	(void)b;
	(void)op;
}

static void put_verdict(struct buf *b, const struct wall_op *op)
{
	size_t data, verdict;

	nl_be32(b, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	data = nl_nest(b, NFTA_IMMEDIATE_DATA);
	verdict = nl_nest(b, NFTA_DATA_VERDICT);
	nl_be32(b, NFTA_VERDICT_CODE, op->key);
	nl_end(b, verdict);
	nl_end(b, data);
}

static const struct {
	const char *name;
	void (*put)(struct buf *b, const struct wall_op *op);
} kinds[] = {
    [WALL_META] = {"meta", put_meta},
    [WALL_CT] = {"ct", put_ct},
    [WALL_PAYLOAD] = {"payload", put_payload},
    [WALL_IS] = {"cmp", put_cmp},
    [WALL_IS_NOT] = {"cmp", put_cmp},
    [WALL_ANY_BIT] = {"bitwise", put_bits},
    [WALL_IN] = {"lookup", put_lookup},
    [WALL_NOT_IN] = {"lookup", put_lookup},
    [WALL_MAP] = {"lookup", put_lookup},
    [WALL_ROUTE_TYPE] = {"fib", put_fib},
    [WALL_DNAT] = {"nat", put_nat},
    [WALL_MASQUERADE] = {"masq", put_nothing},
    [WALL_VERDICT] = {"immediate", put_verdict},
};

static void put_op(struct buf *b, const struct wall_op *op)
{
	size_t elem = nl_nest(b, NFTA_LIST_ELEM), data;

	nl_str(b, NFTA_EXPR_NAME, kinds[op->kind].name);
	data = nl_nest(b, NFTA_EXPR_DATA);
	kinds[op->kind].put(b, op);
	nl_end(b, data);
	nl_end(b, elem);
}

/* Puts one and returns where the next one begins. */
static const struct wall_op *put_rule(struct wall_batch *w, const struct wall_chain *c, const struct wall_op *op)
{
	size_t list, at = begin(w, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, c->family);

	nl_str(w->b, NFTA_RULE_TABLE, w->table);
	nl_str(w->b, NFTA_RULE_CHAIN, c->name);
	list = nl_nest(w->b, NFTA_RULE_EXPRESSIONS);
	for (bool last = false; !last; op++) {
		put_op(w->b, op);
		if (op->kind == WALL_ANY_BIT)
			put_op(w->b, &(struct wall_op){.kind = WALL_IS_NOT, .at = op->at});
		last = op->kind == WALL_DNAT || op->kind == WALL_MASQUERADE || op->kind == WALL_VERDICT;
	}
	nl_end(w->b, list);
	nl_finish(w->b, at);
	return op;
}

void wall_put_all(struct wall_batch *w, bool exclusive)
{
	for (size_t i = 0; i < sizeof families; i++)
		put_table(w, families[i], exclusive ? NLM_F_EXCL : 0);
	for (uint32_t i = 0; i < WALL_SETS; i++)
		put_set(w, i);
	for (size_t i = 0; i < wall_n_chains; i++) {
		put_chain(w, &wall_chains[i]);
		for (const struct wall_op *op = wall_chains[i].ops; op->kind != WALL_END;)
			op = put_rule(w, &wall_chains[i], op);
	}
}

/* ---- elements ---- */

static void put_element(struct wall_batch *w, uint16_t type, const struct wall_set *s, const void *key,
			const void *data)
{
	size_t list, elem, at = begin(w, type, type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0, s->family);

	nl_str(w->b, NFTA_SET_ELEM_LIST_TABLE, w->table);
	nl_str(w->b, NFTA_SET_ELEM_LIST_SET, s->name);
	list = nl_nest(w->b, NFTA_SET_ELEM_LIST_ELEMENTS);
	elem = nl_nest(w->b, NFTA_LIST_ELEM);
	put_data(w->b, NFTA_SET_ELEM_KEY, key, s->key_len);
	if (type == NFT_MSG_NEWSETELEM && s->data_len)
		put_data(w->b, NFTA_SET_ELEM_DATA, data, s->data_len);
	nl_end(w->b, elem);
	nl_end(w->b, list);
	nl_finish(w->b, at);
}

static int on_element(void *ctx, const struct nlmsghdr *h)
{
	(void)ctx;
	(void)h;
	return 0;
}

bool wall_has_element(struct nl *nl, const char *table, enum wall_set_id set, const void *key)
{
	buf_cleanup struct buf b = BUF_LIMIT(4096);

	put_element(&(struct wall_batch){.b = &b, .seq = 1, .table = table}, NFT_MSG_GETSETELEM, &wall_sets[set], key,
		    NULL);
	return nl_ask(nl, &b, on_element, NULL) == 0;
}

void wall_put_element(struct wall_batch *w, enum wall_set_id set, const void *key, const void *data, bool add)
{
	const struct wall_set *s = &wall_sets[set];

	if (w->present && !add && !wall_has_element(w->present, w->table, set, key))
		return;
	put_element(w, add ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM, s, key, data);
	w->n_elements++;
}
