// The header compiles as C++, also if it is included twice, and its functions have C linkage.
#include "rext.h"
#include "rext.h"

#include <cstdio>

int main() {
    rext_flags flags{};
    rext_bytes body{};
    if (rext_flags_insert(&flags, 80) != REXT_OK || rext_flags_body(&flags, &body) != REXT_YES)
        return 1;
    rext_scan *scan = nullptr;
    if (rext_scan_new(nullptr, 0, &scan, nullptr) != REXT_OK)
        return 1;
    rext_hello hello{};
    std::size_t count = 0;
    rext_status status = rext_scan_records(scan, body.data, 0, nullptr, 0, &hello, &count, nullptr);
    rext_scan_free(scan);
    std::printf("%zu bytes, %s\n", body.length, rext_status_name(status));
    return body.length == 12 && status == REXT_INCOMPLETE ? 0 : 1;
}
