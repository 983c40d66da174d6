{{/* Settings of the metrics endpoints, as fastapi_tuning/cli/endpoints_file.py reads them. */}}
{{- define "operator.endpoints" -}}
{{- $endpoints := dict -}}
{{- range $name, $given := .Values.prometheus.endpoints -}}
{{- if and $given.tokenSecret $given.basicAuthSecret -}}
{{- fail (printf "prometheus.endpoints.%s has a tokenSecret and a basicAuthSecret: Prometheus is sent one of them only" $name) -}}
{{- end -}}
{{- $directory := printf "/etc/metrics-endpoints/%s" $name -}}
{{- $settings := dict "url" $given.url -}}
{{- with $given.tenant }}{{ $_ := set $settings "tenant" . }}{{ end -}}
{{- if $given.tokenSecret }}{{ $_ := set $settings "tokenFile" (printf "%s/token" $directory) }}{{ end -}}
{{- if $given.basicAuthSecret -}}
{{- $_ := set $settings "usernameFile" (printf "%s/username" $directory) -}}
{{- $_ := set $settings "passwordFile" (printf "%s/password" $directory) -}}
{{- end -}}
{{- if $given.clientCertificateSecret -}}
{{- $_ := set $settings "certificateFile" (printf "%s/tls.crt" $directory) -}}
{{- $_ := set $settings "keyFile" (printf "%s/tls.key" $directory) -}}
{{- end -}}
{{- if $given.caConfigMap }}{{ $_ := set $settings "caFile" (printf "%s/ca.crt" $directory) }}{{ end -}}
{{- $_ := set $endpoints $name $settings -}}
{{- end -}}
{{- dict "endpoints" $endpoints | toYaml -}}
{{- end }}

{{- define "operator.endpointsName" -}}
{{ include "operator.name" . | trunc 53 | trimSuffix "-" }}-endpoints
{{- end }}

{{/* The settings are read once: other ones are another pod. */}}
{{- define "operator.endpointsAnnotation" -}}
{{- if .Values.prometheus.endpoints -}}
fastapituning.io/endpoints-checksum: {{ include "operator.endpoints" . | sha256sum }}
{{- end -}}
{{- end }}

{{/* What the volume of the endpoints is put together from: their settings, and what those name. */}}
{{- define "operator.endpointSources" -}}
- configMap:
    name: {{ include "operator.endpointsName" . }}
{{- range $name, $given := .Values.prometheus.endpoints }}
{{- with $given.tokenSecret }}
- secret:
    name: {{ .name }}
    items:
    - key: {{ .key }}
      path: {{ $name }}/token
{{- end }}
{{- with $given.basicAuthSecret }}
- secret:
    name: {{ .name }}
    items:
    - key: username
      path: {{ $name }}/username
    - key: password
      path: {{ $name }}/password
{{- end }}
{{- with $given.clientCertificateSecret }}
- secret:
    name: {{ .name }}
    items:
    - key: tls.crt
      path: {{ $name }}/tls.crt
    - key: tls.key
      path: {{ $name }}/tls.key
{{- end }}
{{- with $given.caConfigMap }}
- configMap:
    name: {{ .name }}
    items:
    - key: {{ .key }}
      path: {{ $name }}/ca.crt
{{- end }}
{{- end }}
{{- end }}
