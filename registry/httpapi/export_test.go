package httpapi

// A Route is one that is served.
type Route struct {
	Path, Method, Accepts string
	Params                []string
}

// Routes are those of the router.
func Routes() []Route {
	var out []Route
	h := new(handler)
	for _, r := range append(h.routes(), h.monitored()...) {
		out = append(out, Route{r.path, r.method, r.accepts, r.params})
	}
	return out
}

// The bounds that tests go up to.
const (
	MaxBatchLines = maxBatchLines
	MaxBatchLine  = maxBatchLine
	MaxBatchBytes = maxBatchBytes
)
