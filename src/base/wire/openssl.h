/* SPDX-License-Identifier: Apache-2.0
 *
 * openssl: libssl and libcrypto of the machine, loaded when the first one asks for TLS or signatures.
 *
 * Linked in they would cost every process 0.7 MB of memory (relocations of tables that almost none uses) and 4 MB of program, and an
 * update of Debian's would not reach us. SHA-2 is linked in (base/core/sha256.h); it needs none of this.
 *
 * Calls are written ossl->SSL_new(...). The macros of OpenSSL's headers call functions by their bare names and cannot be used: take what they
 * stand for (SSL_CTX_ctrl).
 */
#pragma once

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

struct err;

#define OPENSSL_FUNCTIONS(X)                                                                                           \
	X(OPENSSL_init_ssl)                                                                                            \
	X(OPENSSL_sk_pop_free)                                                                                         \
	X(ERR_clear_error)                                                                                             \
	X(ERR_get_error)                                                                                               \
	X(ERR_peek_error)                                                                                              \
	X(ERR_reason_error_string)                                                                                     \
	X(TLS_server_method)                                                                                           \
	X(SSL_CTX_new)                                                                                                 \
	X(SSL_CTX_free)                                                                                                \
	X(SSL_CTX_ctrl)                                                                                                \
	X(SSL_CTX_set_options)                                                                                         \
	X(SSL_CTX_set_session_id_context)                                                                              \
	X(SSL_CTX_use_certificate_chain_file)                                                                          \
	X(SSL_CTX_use_PrivateKey_file)                                                                                 \
	X(SSL_CTX_set_default_passwd_cb)                                                                               \
	X(SSL_CTX_load_verify_locations)                                                                               \
	X(SSL_CTX_set_client_CA_list)                                                                                  \
	X(SSL_CTX_set_verify)                                                                                          \
	X(SSL_load_client_CA_file)                                                                                     \
	X(X509_NAME_free)                                                                                              \
	X(SSL_new)                                                                                                     \
	X(SSL_free)                                                                                                    \
	X(SSL_set_fd)                                                                                                  \
	X(SSL_set_accept_state)                                                                                        \
	X(SSL_get_error)                                                                                               \
	X(SSL_read)                                                                                                    \
	X(SSL_write)                                                                                                   \
	X(SSL_in_init)                                                                                                 \
	X(SSL_shutdown)                                                                                                \
	X(SSL_CTX_get0_certificate)                                                                                    \
	X(SSL_get1_peer_certificate)                                                                                   \
	X(X509_check_host)                                                                                             \
	X(X509_check_ip_asc)                                                                                           \
	X(X509_get_subject_name)                                                                                       \
	X(X509_NAME_get_text_by_NID)                                                                                   \
	X(BIO_new_mem_buf)                                                                                             \
	X(BIO_free)                                                                                                    \
	X(PEM_read_bio)                                                                                                \
	X(CRYPTO_free)                                                                                                 \
	X(d2i_PUBKEY)                                                                                                  \
	X(d2i_X509)                                                                                                    \
	X(X509_get_pubkey)                                                                                             \
	X(X509_free)                                                                                                   \
	X(EVP_PKEY_is_a)                                                                                               \
	X(EVP_PKEY_get_bits)                                                                                           \
	X(EVP_PKEY_get_group_name)                                                                                     \
	X(EVP_PKEY_free)                                                                                               \
	X(EVP_PKEY_CTX_new_from_name)                                                                                  \
	X(EVP_PKEY_CTX_free)                                                                                           \
	X(EVP_PKEY_fromdata_init)                                                                                      \
	X(EVP_PKEY_fromdata)                                                                                           \
	X(OSSL_PARAM_BLD_new)                                                                                          \
	X(OSSL_PARAM_BLD_free)                                                                                         \
	X(OSSL_PARAM_BLD_to_param)                                                                                     \
	X(OSSL_PARAM_BLD_push_BN)                                                                                      \
	X(OSSL_PARAM_BLD_push_utf8_string)                                                                             \
	X(OSSL_PARAM_BLD_push_octet_string)                                                                            \
	X(OSSL_PARAM_free)                                                                                             \
	X(BN_bin2bn)                                                                                                   \
	X(BN_bn2binpad)                                                                                                \
	X(BN_free)                                                                                                     \
	X(ECDSA_SIG_new)                                                                                               \
	X(ECDSA_SIG_free)                                                                                              \
	X(ECDSA_SIG_set0)                                                                                              \
	X(i2d_ECDSA_SIG)                                                                                               \
	X(EVP_MD_CTX_new)                                                                                              \
	X(EVP_MD_CTX_free)                                                                                             \
	X(EVP_sha256)                                                                                                  \
	X(EVP_DigestVerifyInit)                                                                                        \
	X(EVP_DigestVerify)                                                                                            \
	X(SSL_CTX_use_certificate)                                                                                     \
	X(SSL_CTX_use_PrivateKey)                                                                                      \
	X(SSL_CTX_get_cert_store)                                                                                      \
	X(SSL_CTX_set_alpn_select_cb)                                                                                  \
	X(SSL_CTX_add_client_CA)                                                                                       \
	X(SSL_set_alpn_protos)                                                                                         \
	X(SSL_get0_alpn_selected)                                                                                      \
	X(TLS_client_method)                                                                                           \
	X(SSL_set_connect_state)                                                                                       \
	X(SSL_get_peer_cert_chain)                                                                                     \
	X(SSL_get_verify_result)                                                                                       \
	X(SSL_CTX_set_cipher_list)                                                                                     \
	X(X509_STORE_add_cert)                                                                                         \
	X(OPENSSL_sk_num)                                                                                              \
	X(OPENSSL_sk_value)                                                                                            \
	X(X509_new)                                                                                                    \
	X(X509_set_version)                                                                                            \
	X(X509_get_serialNumber)                                                                                       \
	X(ASN1_INTEGER_set_uint64)                                                                                     \
	X(X509_gmtime_adj)                                                                                             \
	X(X509_getm_notBefore)                                                                                         \
	X(X509_getm_notAfter)                                                                                          \
	X(X509_get0_notBefore)                                                                                         \
	X(X509_get0_notAfter)                                                                                          \
	X(ASN1_TIME_to_tm)                                                                                             \
	X(X509_set_pubkey)                                                                                             \
	X(X509_NAME_new)                                                                                               \
	X(X509_NAME_add_entry_by_txt)                                                                                  \
	X(X509_set_subject_name)                                                                                       \
	X(X509_set_issuer_name)                                                                                        \
	X(X509V3_set_ctx)                                                                                              \
	X(X509V3_EXT_conf_nid)                                                                                         \
	X(X509_add_ext)                                                                                                \
	X(X509_EXTENSION_free)                                                                                         \
	X(X509_sign)                                                                                                   \
	X(X509_verify)                                                                                                 \
	X(X509_check_purpose)                                                                                          \
	X(X509_REQ_new)                                                                                                \
	X(X509_REQ_free)                                                                                               \
	X(X509_REQ_set_pubkey)                                                                                         \
	X(X509_REQ_sign)                                                                                               \
	X(X509_REQ_verify)                                                                                             \
	X(X509_REQ_get_pubkey)                                                                                         \
	X(PEM_write_bio_X509)                                                                                          \
	X(PEM_write_bio_PrivateKey)                                                                                    \
	X(PEM_write_bio_PKCS8PrivateKey)                                                                               \
	X(EVP_aes_256_cbc)                                                                                             \
	X(PEM_write_bio_X509_REQ)                                                                                      \
	X(PEM_read_bio_X509)                                                                                           \
	X(PEM_read_bio_PrivateKey)                                                                                     \
	X(PEM_read_bio_X509_REQ)                                                                                       \
	X(BIO_new)                                                                                                     \
	X(BIO_s_mem)                                                                                                   \
	X(BIO_ctrl)                                                                                                    \
	X(i2d_X509)                                                                                                    \
	X(EVP_PKEY_Q_keygen)                                                                                           \
	X(SSL_do_handshake)
#define OPENSSL_MEMBER(name) __typeof__(name) *(name);
struct openssl {
	OPENSSL_FUNCTIONS(OPENSSL_MEMBER)
};

/* NULL until openssl_load() has succeeded. */
extern const struct openssl *ossl;
/* Once or often, from one thread; -ENOSYS when the machine has no OpenSSL 3. Its settings (openssl.cnf) are not read. */
int openssl_load(struct err *err);
