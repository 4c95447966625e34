{#- The reporting period that is judged or built, as a date. -#}
{% macro period() -%} date '{{ env_var("INTEGRITY_PERIOD") }}' {%- endmacro %}

{#- The period before it in the calendar of the dependency that is judged, as a date. -#}
{% macro period_before() -%} date '{{ env_var("INTEGRITY_PERIOD_BEFORE") }}' {%- endmacro %}
