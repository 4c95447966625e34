{#- The reporting period that is judged or built, as a date. -#}
{% macro period() -%} date '{{ var("period") }}' {%- endmacro %}
