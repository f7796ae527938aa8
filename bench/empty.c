/* SPDX-License-Identifier: Apache-2.0
 *
 * The least a dynamic C program can cost: what `berth version` is measured against.
 */
int main(void)
{
	return 0;
}
