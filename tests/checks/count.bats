#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What was not seen to pass counts as failed.

setup() {
        count=$BATS_TEST_DIRNAME/../../tools/lib/count-cases
        cd "$BATS_TEST_TMPDIR"
}

counts() {
        run "$count" "${@:2}"
        echo "$output"
        [ "$output" = "$1" ]
}

@test "cases inside cmocka programs, crashes and plain programs" {
        cat >ctest.xml <<'X'
<testsuite>
<testcase name="a" status="run"><system-out>[  PASSED  ] 4 test(s).
[  PASSED  ] 1 test(s).</system-out></testcase>
<testcase name="b" status="fail"><system-out>[  PASSED  ] 2 test(s).
[  FAILED  ] 3 test(s), listed below:</system-out></testcase>
<testcase name="c" status="fail"><system-out>[ RUN      ] x</system-out></testcase>
<testcase name="d" status="run"><system-out>fine</system-out></testcase>
<testcase name="e" status="fail"><system-out>[  PASSED  ] 5 test(s).</system-out></testcase>
</testsuite>
X
        counts "13 5 0" ctest.xml
}

@test "pytest" {
        cat >pytest.xml <<'X'
<testsuites><testsuite>
<testcase name="a"/><testcase name="b"><failure/></testcase>
<testcase name="c"><error/></testcase><testcase name="d"><skipped/></testcase>
</testsuite></testsuites>
X
        counts "1 2 1" pytest.xml
}

@test "TAP, also when it breaks off" {
        printf '1..4\nok 1 a\nnot ok 2 b\nok 3 c # skip no\n' >run.tap
        counts "1 2 1" run.tap
}

@test "a report that is missing, broken or empty" {
        echo '<testsuite>' >broken.xml
        echo '<testsuites/>' >empty.xml
        counts "0 3 0" missing.xml broken.xml empty.xml
}

@test "tools/test refuses a part that it does not know" {
        run "$BATS_TEST_DIRNAME/../../tools/test" nonsense
        [ "$status" -eq 2 ]
        [[ "$output" == *'no part is named "nonsense"'* ]]
}
