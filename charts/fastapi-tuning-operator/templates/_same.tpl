{{/* CEL: the maps `left` and `right` have the same keys with the same values, those in `but` aside. Fields that a later
Kubernetes adds are compared too, which a list of known fields would not do. */}}
{{- define "policy.same" -}}
{{- $but := .but | toJson -}}
dyn({{ .left }}).all(key, key in {{ $but }} ||
  (key in dyn({{ .right }}) && dyn({{ .left }})[key] == dyn({{ .right }})[key])) &&
dyn({{ .right }}).all(key, key in {{ $but }} || key in dyn({{ .left }}))
{{- end }}
