package fault_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/tilt/stack/chserver/fault"
)

// Rules are taken in order, as often as they say, and only for their table.
func TestTake(t *testing.T) {
	plan := &fault.Plan{}
	require.NoError(t, plan.Add(
		fault.Rule{Action: fault.Exception, Code: 241, Count: 2, Table: "posts"},
		fault.Rule{Action: fault.Delay, DelayMS: 20, When: fault.After},
	))
	require.True(t, plan.Take("posts").At(fault.Before, fault.Exception))
	delay := plan.Take("likes")
	require.True(t, delay.At(fault.After, fault.Delay))
	require.Equal(t, 20*time.Millisecond, delay.Delay())
	require.Equal(t, fault.Rule{}, plan.Take("likes"))
	require.Equal(t, int32(241), plan.Take("posts").Code)
	require.Equal(t, fault.Rule{}, plan.Take("posts"))
	require.Equal(t, fault.Rule{}, (*fault.Plan)(nil).Take("posts"))
	require.False(t, fault.Rule{}.At(fault.Before, fault.Cut))
}

// Over HTTP rules are added whole or not at all, listed and dropped.
func TestServeHTTP(t *testing.T) {
	plan := &fault.Plan{}
	call := func(method, body string) (int, []fault.Rule) {
		response := httptest.NewRecorder()
		plan.ServeHTTP(response, httptest.NewRequestWithContext(t.Context(), method, "/faults", strings.NewReader(body)))
		var rules []fault.Rule
		if response.Code == http.StatusOK {
			require.NoError(t, json.Unmarshal(response.Body.Bytes(), &rules))
		}
		return response.Code, rules
	}
	for _, body := range []string{
		``, `{`, `{"action":"explode"}`, `{"action":"exception"}`, `{"action":"delay"}`, `{"action":"cut","when":"later"}`,
		`{"action":"cut","count":-1}`, `{"action":"cut","tabel":"x"}`, `[{"action":"cut"},{"action":"delay"}]`,
	} {
		status, _ := call(http.MethodPost, body)
		require.Equal(t, http.StatusBadRequest, status, body)
	}
	require.Empty(t, plan.Rules())

	status, _ := call(http.MethodPost, `{"action":"exception","code":252,"count":3}`)
	require.Equal(t, http.StatusOK, status)
	_, rules := call(http.MethodPost, `[{"action":"cut"},{"action":"exit","when":"after"}]`)
	require.Equal(t, []fault.Rule{
		{Action: fault.Exception, When: fault.Before, Code: 252, Count: 3},
		{Action: fault.Cut, When: fault.Before, Count: 1},
		{Action: fault.Exit, When: fault.After, Count: 1},
	}, rules)
	_, rules = call(http.MethodDelete, "")
	require.Empty(t, rules)
	status, _ = call(http.MethodPut, "")
	require.Equal(t, http.StatusMethodNotAllowed, status)
}
