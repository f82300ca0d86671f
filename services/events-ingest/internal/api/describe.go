package api

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/nova-data/nova/pkg/event"
)

// openAPIDocument describes the API as it is by default, with tokens.
//
//go:embed openapi.json
var openAPIDocument []byte

// describe returns the document for an API that is configured so.
func describe(cfg Config) ([]byte, error) {
	var document struct {
		OpenAPI    string                               `json:"openapi"`
		Info       json.RawMessage                      `json:"info"`
		Paths      map[string]map[string]map[string]any `json:"paths"`
		Components struct {
			Schemas         map[string]map[string]any `json:"schemas"`
			Parameters      json.RawMessage           `json:"parameters"`
			Headers         json.RawMessage           `json:"headers"`
			RequestBodies   json.RawMessage           `json:"requestBodies"`
			Responses       json.RawMessage           `json:"responses"`
			SecuritySchemes json.RawMessage           `json:"securitySchemes,omitempty"`
		} `json:"components"`
	}
	if err := json.Unmarshal(openAPIDocument, &document); err != nil {
		return nil, fmt.Errorf("decoding openapi.json: %w", err)
	}
	if properties, isObject := document.Components.Schemas["EventBatch"]["properties"].(map[string]any); isObject {
		if events, isObject := properties["events"].(map[string]any); isObject {
			events["maxItems"] = cfg.MaxEvents
		}
	}
	if cfg.TokensFile == "" {
		document.Components.SecuritySchemes = nil
		for _, methods := range document.Paths {
			for _, operation := range methods {
				delete(operation, "security")
				if responses, isObject := operation["responses"].(map[string]any); isObject {
					delete(responses, "401")
				}
			}
		}
	}
	return json.MarshalIndent(document, "", "  ")
}

// openAPI answers with the description.
func (h *Handler) openAPI(x *exchange) *problem {
	const methods = http.MethodGet + ", " + http.MethodHead
	switch {
	case h.cors.isPreflight(x.r):
		h.cors.preflight(x, methods)
	case x.r.Method == http.MethodGet, x.r.Method == http.MethodHead:
		x.w.Header().Set("Content-Type", event.ContentTypeJSON)
		_, _ = x.w.Write(h.description) // a client that is gone gets nothing
	default:
		return notAllowed(h.allowed(methods), "the description is read")
	}
	return nil
}
