/* A PKCS#11 driver whose device never answers. */
#include <unistd.h>

unsigned long C_GetFunctionList(void *list) {
	(void)list;
	for (;;)
		pause();
}
