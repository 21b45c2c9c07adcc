module github.com/safeconduct/safeconduct/interop

go 1.26.4

require github.com/safeconduct/safeconduct v0.0.0

require (
	github.com/c2sp/wycheproof v0.0.0-20260902155932-3fa63dd0344a
	github.com/go-jose/go-jose/v4 v4.1.9 // indirect
	github.com/go-json-experiment/json v1.27.2 // indirect
)

replace github.com/safeconduct/safeconduct => ../
