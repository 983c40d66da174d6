{{/* What the operator may do where it acts. No rule here lets it read a Secret, create or delete a workload, or change its own rights. */}}
{{- define "operator.rules" -}}
# Watches the objects that it is told to obey.
- apiGroups: [fastapituning.io]
  resources: [fastapitunings]
  verbs: [list, watch]
# Writes what it found and decided, in Recommend mode too. The spec belongs to the user.
- apiGroups: [fastapituning.io]
  resources: [fastapitunings/status]
  verbs: [patch]
# Reads how the target is started, and in Auto mode applies its own environment entries to the pod template.
# `create` is not given, so an apply never brings back a Deployment that was deleted in between.
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, patch]
# Sets the replica count in Auto mode.
- apiGroups: [apps]
  resources: [deployments/scale]
  verbs: [patch]
# Finds the target's ready pods, whose names select their metrics.
- apiGroups: [""]
  resources: [pods]
  verbs: [list]
{{- if .Values.live.enabled }}
# Hands settings to the agent in a running pod: an annotation of the pod, in Auto mode.
- apiGroups: [""]
  resources: [pods]
  verbs: [patch]
{{- end }}
# Finds another autoscaler on the same target, to leave the replicas to it.
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [list]
{{- if .Values.autoscalers.enabled }}
# Sets the least and the most pods of the autoscaler that a FastAPITuning in mode Auto names (spec.replicas.via).
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [patch]
- apiGroups: [keda.sh]
  resources: [scaledobjects]
  verbs: [patch]
{{- end }}
# Finds who else moves the target or sizes its pods, to leave it what it has. Kinds that are not installed are no error.
- apiGroups: [keda.sh]
  resources: [scaledobjects]
  verbs: [list]
- apiGroups: [autoscaling.k8s.io]
  resources: [verticalpodautoscalers]
  verbs: [list]
- apiGroups: [argoproj.io]
  resources: [rollouts]
  verbs: [list]
- apiGroups: [flagger.app]
  resources: [canaries]
  verbs: [list]
# Says in the user's namespace what it did and why.
- apiGroups: [""]
  resources: [events]
  verbs: [create]
{{- end }}
