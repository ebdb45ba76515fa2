curl -X POST https://your-domain.com/openai/v1/images/generations \
  -H "Authorization: Bearer sk-koci_your_api_key" \
  -H "Content-Type: application/json" \
  -d '{
  "model": "image-2",
  "prompt": "一只穿着宇航服的猫在月球上漫步",
  "n": 1,
  "size": "1024x1024",
  "quality": "hd"
}'
