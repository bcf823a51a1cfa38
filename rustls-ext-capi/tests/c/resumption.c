/* Session records, and the demands under which sessions resume. */
#include "check.h"

static const rext_bytes AGENTS = {(const uint8_t *)"agents", 6};
static const rext_bytes STAFF = {(const uint8_t *)"staff", 5};
static const rext_bytes NONE = {NULL, 0};

static void every_demand_with_every_session(void) {
    const rext_session visitor = {NONE, 0, 0}, declined = {AGENTS, 0, 0}, agent = {AGENTS, 1, 1};
    static const int refused = REXT_RESUMPTION_REFUSED, allowed = REXT_RESUMPTION_ALLOWED;
    static const int if_verified = REXT_RESUMPTION_IF_VERIFIED;
    const struct {
        rext_demand demand;
        const rext_bytes *scope;
        int offered, visitor, declined, agent;
    } table[] = {
        {REXT_DEMAND_NONE, NULL, 0, allowed, allowed, refused},
        {REXT_DEMAND_NONE, NULL, 1, allowed, allowed, refused},
        {REXT_DEMAND_REQUEST, &AGENTS, 0, refused, allowed, if_verified},
        {REXT_DEMAND_REQUEST, &AGENTS, 1, refused, refused, if_verified},
        {REXT_DEMAND_REQUIRE, &AGENTS, 0, refused, refused, if_verified},
        {REXT_DEMAND_REQUIRE, &AGENTS, 2, refused, refused, if_verified},
        {REXT_DEMAND_REQUEST, &STAFF, 0, refused, refused, refused},
        {REXT_DEMAND_REQUIRE, &STAFF, 1, refused, refused, refused},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        CHECK_IS(rext_resumption_check(table[i].demand, table[i].scope, table[i].offered, &visitor),
                 table[i].visitor);
        CHECK_IS(rext_resumption_check(table[i].demand, table[i].scope, table[i].offered, &declined),
                 table[i].declined);
        CHECK_IS(rext_resumption_check(table[i].demand, table[i].scope, table[i].offered, &agent),
                 table[i].agent);
    }
    const uint64_t then = 1767225600;
    CHECK_IS(rext_resumption_is_recent(then, then + REXT_MAX_AGE_SECONDS, REXT_MAX_AGE_SECONDS), 1);
    CHECK_IS(rext_resumption_is_recent(then, then + REXT_MAX_AGE_SECONDS + 1, REXT_MAX_AGE_SECONDS), 0);
    CHECK_IS(rext_resumption_is_recent(then, then - 1, REXT_MAX_AGE_SECONDS), 0);
    CHECK_IS(rext_resumption_check(3, &AGENTS, 0, &agent), REXT_ERR_VALUE);
    CHECK_IS(rext_resumption_check(REXT_DEMAND_REQUIRE, NULL, 0, &agent), REXT_ERR_NULL);
    CHECK_IS(rext_resumption_check(REXT_DEMAND_REQUIRE, &NONE, 0, &agent), REXT_ERR_VALUE);
    const rext_session nowhere = {NONE, 1, 1};
    CHECK_IS(rext_resumption_check(REXT_DEMAND_NONE, NULL, 0, &nowhere), REXT_ERR_VALUE);
}

static void round_trip(const rext_session *session, size_t length) {
    uint8_t room[REXT_SESSION_LONGEST];
    size_t written = 0;
    rext_session again;
    CHECK_IS(rext_session_encode(session, room, sizeof room, &written), REXT_OK);
    CHECK_IS(written, length);
    CHECK_IS(rext_session_encode(session, room, length - 1, &written), REXT_ERR_BUFFER);
    CHECK_IS(rext_session_encode(session, NULL, 0, &written), REXT_ERR_BUFFER);
    CHECK_IS(rext_session_encode(session, room, length, &written), REXT_OK);
    CHECK_IS(rext_session_decode(room, length, &again), REXT_OK);
    CHECK(again.scope.length == session->scope.length);
    CHECK(again.scope.length == 0 ? again.scope.data == NULL
                                  : memcmp(again.scope.data, session->scope.data,
                                           again.scope.length) == 0);
    CHECK(again.authenticated == session->authenticated);
    CHECK(again.authenticated_at == session->authenticated_at);
    for (size_t less = 0; less < length; less++)
        CHECK_IS(rext_session_decode(room, less, &again), REXT_ERR_RECORD);
    room[4] = 2; /* a later version (RES-7) */
    CHECK_IS(rext_session_decode(room, length, &again), REXT_ERR_RECORD);
}

void test_resumption(void) {
    every_demand_with_every_session();
    uint8_t long_name[256];
    memset(long_name, 'x', sizeof long_name);
    const rext_session visitor = {NONE, 0, 0}, declined = {AGENTS, 0, 0};
    const rext_session agent = {AGENTS, 1767225600, 1}, longest = {{long_name, 255}, UINT64_MAX, 1};
    round_trip(&visitor, 6);
    round_trip(&declined, 13);
    round_trip(&agent, 21);
    round_trip(&longest, REXT_SESSION_LONGEST);

    uint8_t room[300];
    size_t written;
    const rext_session too_long = {{long_name, 256}, 0, 0}, nowhere = {NONE, 1, 1};
    CHECK_IS(rext_session_encode(&too_long, room, sizeof room, &written), REXT_ERR_VALUE);
    CHECK_IS(rext_session_encode(&nowhere, room, sizeof room, &written), REXT_ERR_VALUE);
    rext_session session;
    CHECK_IS(rext_session_decode(NULL, 0, &session), REXT_ERR_RECORD);
}
